"""What the pages know of the configuration and of the store: the schools, and the history of their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fastapi import HTTPException

from sims_sync.airflow.configured import configured_store
from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import ConfigError, config_path, load_schools, said_by_schools
from sims_sync.ui.history import History

_TOLD = 10
"""The most errors of the configuration that are shown."""


@dataclass(frozen=True)
class Configuration:
    """What ``schools.yaml`` holds by now.

    :param errors: what is wrong with entries of it, or with all of it.
    :param own: the keys that each school's own entry has, by its id.
    """

    schools: Sequence[School]
    errors: Sequence[str]
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def unreadable(self) -> bool:
        """Whether not one school can be taken from it."""
        return bool(self.errors) and not self.schools


def read_configuration() -> Configuration:
    """The schools, and what is wrong with the entries of others."""
    path = config_path()
    try:
        found = path.stat()
    except OSError as error:
        return Configuration((), (f"{path}: cannot be read ({error.strerror}).",))
    return _read_configuration(path, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=2)
def _read_configuration(path: Path, _version: tuple[int, int]) -> Configuration:
    try:
        schools, errors = load_schools(path)
    except ConfigError as error:
        return Configuration((), (str(error),))
    return Configuration(tuple(schools.values()), _told(list(map(str, errors))), said_by_schools(path))


def _told(errors: Sequence[str]) -> tuple[str, ...]:
    """Errors, the first ones: what is wrong with `defaults` is wrong with each school."""
    more = len(errors) - _TOLD
    return (*errors[:_TOLD], *((f"And {more:,} more.",) if more > 0 else ()))


def find_school(dag_id: str) -> School:
    """The school of a DAG.

    :raises HTTPException: 404, there is none.
    """
    configured = read_configuration()
    for each in configured.schools:
        if each.dag_id == dag_id:
            return each
    if configured.unreadable:
        raise HTTPException(404, f"The configuration cannot be read: {' '.join(configured.errors)}")
    raise HTTPException(404, "This DAG is that of no school of the student sync.")


_HISTORIES: dict[str, History] = {}


def known_runs() -> History:
    """The runs of all schools of the store."""
    root = configured_store()
    return _HISTORIES.setdefault(str(root), History(root))
