"""docs/privacy.md names every kind of file that holds people, every attribute, and the periods of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from csv_folder import CsvFolder
from nights_without_airflow import run_night
from sandbox.directory import server
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.school_entry import Kept
from sims_sync.config.values import Withheld
from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.state import EmptyRoll
from sims_sync.runs.subject_access import LEASES
from sims_sync.store.layout import STATE
from sims_sync.store.local import LocalFolder

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "privacy.md").read_text("utf-8")
EARLIER = PROJECT / "tests" / "runs" / "earlier_files" / "green-abbey"


def section(name: str) -> str:
    return TEXT.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]


def patterns() -> dict[str, str]:
    """How long a kind of file is kept, by the pattern of its path."""
    rows = re.findall(r"^\| (`.+?`) \| .+ \| (.+?) \|$", section("files"), re.MULTILINE)
    return {pattern: days for cell, days in rows for pattern in re.findall("`(.+?)`", cell)}


def names(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Paths of files in runs' folders and in the state, of today's nights and of earlier ones."""
    folder = tmp_path_factory.mktemp("privacy")
    source = CsvFolder(folder / "roll")
    source.folder.mkdir()
    source.write("students", [{"person_id": "1", "forename": "Robin", "surname": "Example", "admission_number": "1"}])
    source.write("emails", [{"person_id": "1", "location": "H", "email_address": "robin@example.org", "primary": "T"}])
    with server.running(folder / "directory.sqlite", token="token") as directory:
        withheld = [Withheld(person_id="1", attributes=["gender"], reason="not to be sent", clear=True)]
        configured = GREEN_ABBEY.model_copy(update={"withhold": withheld})
        school = SchoolWithoutAirflow(LocalFolder(folder / "store"), source, directory.url, school=configured)
        run = school.run(date(2026, 9, 15))
        assert run_night(run).fault is None
        run.files.record_question(run.files.open(PlanFacts), datetime(2026, 9, 16, tzinfo=UTC))
        run.state.save_disabled_accounts(["1"])
        run.state.save_learnt(run.state.learnt(directory.url, run.school.directory))
        run.state.save_empty_roll(EmptyRoll(run_id="r", effective_date=date(2026, 9, 15)))
        run.state.save_shown_pairs([("1", "a1")])
    return set(_paths(folder / "store" / "green-abbey")) | set(_paths(EARLIER))


def _paths(school: Path) -> Iterator[str]:
    for path in (each for each in school.rglob("*") if each.is_file()):
        run, _, inside = path.relative_to(school).as_posix().partition("/")
        yield f"{STATE}/{inside}" if run == STATE else inside


def test_every_kind_of_file_stands_on_the_page(files: set[str]) -> None:
    listed = patterns()
    assert len(files) > 25
    assert sorted(path for path in files if not any(names(path, pattern) for pattern in listed)) == []
    assert sorted(pattern for pattern in listed if not any(names(path, pattern) for path in files)) == []


def test_the_periods_are_the_defaults_of_the_configuration() -> None:
    of_runs = {days for pattern, days in patterns().items() if not pattern.startswith(f"{STATE}/")}
    assert patterns()["extract/*.xml.gz"] == str(Kept().raw_retention_days)
    assert of_runs == {str(Kept().raw_retention_days), str(Kept().retention_days)}


def test_every_attribute_stands_on_the_page_and_those_of_a_special_kind_stand_out() -> None:
    told = section("attributes")
    assert [each.label for each in ATTRIBUTES if each.label not in told] == []
    assert {each.label for each in ATTRIBUTES if each.special} == set(re.findall(r"\*\*(.+?)\*\*", told))


def test_the_leases_that_an_erasure_waits_for_are_those_that_the_stages_hold() -> None:
    stages = "".join(path.read_text("utf-8") for path in (PROJECT / "include/sims_sync/night").glob("*.py"))
    assert set(re.findall(r"hold_lease\(\S+, \"(\w+)\"", stages)) == set(LEASES)
