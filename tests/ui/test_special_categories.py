"""Nothing that a viewer sees may tell who has SEN or free meals (SPEC section 9)."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from invented_runs import write_config
from school_users import EDITOR, ITS_DAG, OF_ONE_SCHOOL, READER
from ui_client import Pages

from csv_folder import CsvFolder
from proxy import Forward, Reply, Request, proxy_to
from sandbox.directory import server
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.model.person import NUMBER
from sims_sync.runs.reading import RunReader
from sims_sync.runs.redaction import RedactedReader
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder

MONDAY = date(2026, 9, 14)
ON_ROLL, SOME = range(101, 109), range(101, 105)
NIGHTS = 6
LAST = f"night {NIGHTS}"


class SchoolWithSpecialCategories(CsvFolder):
    """The CSV folder as a source that knows SEN and free meals, with SIMS's keys."""

    key = NUMBER
    cannot_know = frozenset[str]()


@dataclass(frozen=True)
class Roll:
    """What a source holds on one night of special categories, by person: rows of ``sen_provisions``, ``free_meals``."""

    sen: Mapping[int, Mapping[str, str]]
    meals: Mapping[int, Mapping[str, str]]


SINCE = {"start_date": "2026-01-05T00:00:00"}
NO_DATE = {"start_date": "soon"}
ENDED = {"end_date": "2026-01-06T00:00:00"}


def sen(words: str, **own: str) -> dict[str, str]:
    return {"provision_type": words, "provision_description": words, **SINCE, **own}


# With special categories: night by night somebody gets, keeps, changes and loses them; a date is none; and the
# directory refuses some. (Over a limit, when everybody loses a value, and when a
# document has emptied, a plan is held, which everybody sees.)
WITH = [
    Roll({101: sen("EHCP"), 102: sen("Support")}, {103: SINCE, 101: SINCE}),
    Roll({101: sen("Support"), 102: sen("Support"), 104: sen("refuse this")}, {103: SINCE}),
    Roll({number: sen("EHCP") for number in SOME}, dict.fromkeys(SOME, SINCE)),
    Roll({105: sen("EHCP", **NO_DATE), 101: sen("EHCP")}, {106: NO_DATE}),
    Roll({number: sen("EHCP") for number in SOME}, dict.fromkeys(SOME, SINCE)),
    Roll({101: sen("EHCP", **ENDED), 102: sen("EHCP")}, {101: {**SINCE, **ENDED}, 102: SINCE}),
]
WITHOUT = [Roll({}, {})] * NIGHTS


def refuse_some(request: Request, forward: Forward) -> Reply:
    """A directory that does not want one value of SEN."""
    if b"refuse this" in request.body:
        error = {"status": "400", "scimType": "invalidValue", "detail": "senInformation 'refuse this' is none of ours"}
        return Reply(400, json.dumps(error).encode(), {"Content-Type": "application/scim+json"})
    return forward(request)


def nights(folder: Path, rolls: list[Roll]) -> Path:
    """The store after these nights; what else happens in them is the same for every roll."""
    folder.mkdir()
    (folder / "source").mkdir()
    source, store = SchoolWithSpecialCategories(folder / "source"), folder / "store"
    with (
        server.running(folder / "directory.sqlite", token="token", bulk=False) as directory,
        proxy_to(directory.url) as proxy,
    ):
        proxy.meddle = refuse_some
        school = SchoolWithoutAirflow(LocalFolder(store), source, proxy.url)
        for night, roll in enumerate(rolls, start=1):
            write_roll(source, roll, night)
            school.night(MONDAY + timedelta(days=night), dry_run=night == 3)
    return store


def write_roll(source: CsvFolder, roll: Roll, night: int) -> None:
    names = {number: f"Robin{night if number == 107 else ''}" for number in ON_ROLL}
    source.write(
        "students",
        [
            {
                "person_id": str(number),
                "forename": names[number],
                "surname": "Example",
                "admission_number": f"00{number}",
            }
            for number in ON_ROLL
        ],
    )
    email = {"location": "H", "main": "T", "primary": "T"}
    source.write(
        "emails",
        [
            {"person_id": str(number), "email_id": str(number), "email_address": f"{number}@example.org", **email}
            for number in ON_ROLL
        ],
    )
    source.write("sen_provisions", [{"person_id": str(number), **row} for number, row in roll.sen.items()])
    source.write("free_meals", [{"person_id": str(number), **row} for number, row in roll.meals.items()])


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of two schools that differ in special categories alone."""
    folder = tmp_path_factory.mktemp("schools")
    return nights(folder / "with", WITH), nights(folder / "without", WITHOUT)


@pytest.fixture(autouse=True)
def _configured(pages: Pages, know_dags: Callable[..., None]) -> Iterator[None]:
    write_config(pages.config, [{"id": "green-abbey"}])
    know_dags({"green-abbey": {f"night {each}": ("success", datetime(2026, 9, 15, tzinfo=UTC)) for each in (1, 2)}})
    yield
    shutil.rmtree(pages.root, ignore_errors=True)


PATHS = [
    "",
    f"dags/{ITS_DAG}",
    f"dags/{ITS_DAG}/disabled",
    f"dags/{ITS_DAG}/disabled.csv",
    *(f"dags/{ITS_DAG}/runs/night {night}" for night in range(1, NIGHTS + 1)),
    *(f"dags/{ITS_DAG}/runs/night {night}/departures.csv" for night in range(1, NIGHTS + 1)),
    *(f"dags/{ITS_DAG}/runs/night {night}/errors.csv" for night in range(1, NIGHTS + 1)),
    *(
        f"dags/{ITS_DAG}/runs/night {night}?changes_sort={sort}&changes_show={show}"
        for night in (2, 4)
        for sort in ("person_id", "-result", "cause")
        for show in ("update", "create", "")
    ),
    *(f"dags/{ITS_DAG}/students/{number}" for number in ON_ROLL),
    *(f"dags/{ITS_DAG}/students/{number}?run=night {night}" for number in ON_ROLL for night in range(1, NIGHTS + 1)),
]
_TIME = re.compile(rb"(\d\d [A-Z][a-z]{2} (\d{4} )?)?\d{1,2}:\d\d(:\d\d)?|took [^<]+")


def seen_by(user: str, pages: Pages, store: Path) -> dict[str, tuple[int, bytes]]:
    """Every page that a user sees of a store, without the times of day."""
    shutil.rmtree(pages.root, ignore_errors=True)
    shutil.copytree(store, pages.root)
    answers = {path: pages.get(path, user) for path in PATHS}
    return {path: (answer.status_code, _TIME.sub(b"", answer.content)) for path, answer in answers.items()}


@pytest.mark.parametrize("user", [READER, OF_ONE_SCHOOL])
def test_the_pages_of_two_schools_that_differ_in_sen_and_meals_alone_are_the_same_to_a_viewer(
    pages: Pages, stores: tuple[Path, Path], user: str
) -> None:
    one, other = (seen_by(user, pages, store) for store in stores)
    assert {status for status, _ in one.values()} <= {200, 404, 410}
    assert [path for path in PATHS if one[path] != other[path]] == []


def test_who_may_edit_sees_what_is_written_of_them_and_the_directorys_own_words(
    pages: Pages, stores: tuple[Path, Path]
) -> None:
    one, other = (seen_by(EDITOR, pages, store) for store in stores)
    second = one[f"dags/{ITS_DAG}/runs/night 2"][1].decode()
    assert "senInformation" in second
    assert "is none of ours" in second
    assert len([path for path in PATHS if one[path] != other[path]]) > len(PATHS) / 2


def test_a_report_tells_who_may_only_read_the_same_numbers(stores: tuple[Path, Path]) -> None:
    for night in range(1, NIGHTS + 1):
        redacted = [counts(store, night, RedactedReader) for store in stores]
        assert redacted[0] == redacted[1]
    assert counts(stores[0], 4, RunReader) != counts(stores[1], 4, RunReader)


def counts(store: Path, night: int, reader: type[RunReader]) -> dict[str, Any]:
    report = reader(run_folder(LocalFolder(store), "green-abbey", f"night {night}")).report()
    assert report
    return report.counts
