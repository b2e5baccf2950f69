"""A school whose nights run without Airflow, against a real directory, with whatever source a test has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

import requests

from nights_without_airflow import Night, run_night
from sims_sync.config.school_entry import School
from sims_sync.directory.session import Endpoint, scim_adapter
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.night.parameters import RunParameters
from sims_sync.night.run import Run
from sims_sync.runs.files import RunFiles
from sims_sync.runs.state import SchoolState
from sims_sync.sources.source import Source
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder

GREEN_ABBEY = School(
    id="green-abbey", name="Green Abbey", la="823", estab="4321", modules=["timetable"], username="admission_number"
)


@dataclass
class SchoolWithoutAirflow:
    """A school, its source and its directory.

    :param store: where its files lie.
    :param directory: the SCIM base URL.
    :param token: the bearer token of the directory.
    :param nights: how many it has had.
    """

    store: Folder
    source: Source
    directory: str
    token: str | None = "token"
    school: School = GREEN_ABBEY
    attributes: tuple[Attribute, ...] = ATTRIBUTES
    nights: int = field(default=0, init=False)

    def run(self, effective_date: date, **parameters: Any) -> Run:
        """The next run."""
        self.nights += 1
        return self._run(effective_date, **parameters)

    def run_of_the_last_night(self) -> Run:
        """What the last run left, by whatever date."""
        return self._run(date.today())

    def _run(self, effective_date: date, **parameters: Any) -> Run:
        run_id = f"night {self.nights}"
        given = {"dry_run": False, "only_person_ids": None, "allow_older": False, **parameters}
        return Run(
            school=self.school,
            run_id=run_id,
            parameters=RunParameters(effective_date=effective_date, **given),
            files=RunFiles(run_folder(self.store, self.school.id, run_id)),
            state=SchoolState(self.store, self.school.id),
            source=self.source,
            open_directory=lambda: Endpoint(self._session(), self.directory, "directory_green_abbey"),
            attributes=self.attributes,
        )

    def night(
        self,
        effective_date: date,
        approved_by: str | None = None,
        answers: Mapping[str, str] = MappingProxyType({}),
        **parameters: Any,
    ) -> Night:
        """A night from its beginning to its end."""
        return run_night(self.run(effective_date, **parameters), approved_by=approved_by, answers=answers)

    def users(self) -> list[dict[str, Any]]:
        """What the directory holds."""
        found: list[dict[str, Any]] = self._session().get(f"{self.directory}/Users", timeout=10).json()["Resources"]
        return found

    def ask(self, method: str, path: str, body: Any) -> None:
        """Write to the directory, as another system would."""
        self._session().request(method, f"{self.directory}{path}", json=body, timeout=10).raise_for_status()

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.mount("http://", scim_adapter())
        if self.token:
            session.headers["Authorization"] = f"Bearer {self.token}"
        return session
