"""What of a file is one person's, by its form; files of earlier versions too (SPEC section 9)."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from object_store import object_store
from sims_sync.model.person import ANY_TEXT, NUMBER
from sims_sync.runs.documents import FACTS, ApproveFacts, PlanFacts
from sims_sync.runs.one_person import Person, parted
from sims_sync.runs.reading import RunReader, open_output
from sims_sync.runs.subject_access import Stored
from sims_sync.store.content import as_json
from sims_sync.store.folder import Folder
from sims_sync.store.local import LocalFolder

EARLIER = Path(__file__).parent / "earlier_files"
ADA = Person(
    "101", NUMBER, numbers=frozenset({"004604"}), accounts=frozenset({"a-17", "5"}), addresses=frozenset({"9"})
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"unchanged": [100, 101, 1010]}, {"unchanged": [100, 1010]}),
        ({"unchanged": ["101", "0101"]}, {"unchanged": ["0101"]}),
        ({"changes": [{"person_id": 101, "values": {"a": "b"}}]}, {"changes": []}),
        ({"changes": [{"person_id": 102, "values": {"a": ["101"]}}]}, None),
        ({"changes": [{"person_id": None, "school_identifier": "004604"}]}, {"changes": []}),
        ({"changes": [{"person_id": None, "school_identifier": None, "account_id": "a-17"}]}, {"changes": []}),
        ({"changes": [{"person_id": 102, "school_identifier": "004604"}]}, None),
        ({"errors": [{"personId": "101", "code": "no_email"}]}, {"errors": []}),
        ({"solved": [{"record": "101", "code": "no_email"}, {"record": "1"}]}, {"solved": [{"record": "1"}]}),
        ({"solved": [{"record": "004604", "code": "no_email"}]}, {"solved": []}),
        ({"records": ["101:no_email", "1010:no_email", "004604:no_email"]}, {"records": ["1010:no_email"]}),
        ({"101:no_email": "2026-09-01", "102:no_email": "2026-09-01"}, {"102:no_email": "2026-09-01"}),
        ({"rejected": {"101": 1, "none": 2}}, {"rejected": {"none": 2}}),
        ([{"run_id": "r", "accounts": ["a-17", "b-17"]}], [{"run_id": "r", "accounts": ["b-17"]}]),
        (["a-17", "a-170"], ["a-170"]),
        ({"counts": {"create": 101}, "base": 101, "limit": "5"}, None),
        ({"reason": "2 active: person 101, person 102."}, {"reason": "2 active: person (erased), person 102."}),
        ({"reason": "101 of persons 100, 101 and 1010."}, {"reason": "101 of persons 100, (erased) and 1010."}),
        ({"message": "left 101 active: a-17, b-17."}, {"message": "left 101 active: (erased), b-17."}),
        ({"reason": "101 of 5 accounts would be disabled."}, None),
        (
            {"errors": [{"person_id": 102, "message": "The same user name (persons 101, 103)"}]},
            {"errors": [{"person_id": 102, "message": "The same user name (persons (erased), 103)"}]},
        ),
        ([{"person_id": 102, "account_id": "b"}, {"person_id": 101}], [{"person_id": 102, "account_id": "b"}]),
        ({}, None),
    ],
)  # fmt: skip
def test_what_is_theirs_in_a_document(before: Any, after: Any) -> None:
    """None: nothing of it is."""
    content = as_json(before)
    part = parted("any.json", content, ADA)
    assert part
    assert json.loads(part.rest or b"") == (before if after is None else after)
    assert bool(part.theirs) is (after is not None)
    if after is None:
        assert part.rest == content


def test_what_another_persons_row_says_of_them_is_taken_out_of_its_sentence() -> None:
    buffer = io.BytesIO()
    table = pd.DataFrame({"person_id": ["102", "103"], "detail": ["persons 101, 104", None]})
    table.to_parquet(buffer, index=False)
    part = parted("findings.parquet", buffer.getvalue(), ADA)
    assert part
    assert part.theirs == ["persons 101, 104"]
    after = pd.read_parquet(io.BytesIO(part.rest or b""))
    assert after["detail"].tolist()[0] == "persons (erased), 104"
    assert after["person_id"].tolist() == ["102", "103"]
    part = parted("errors.csv", b"person_id,reason\r\n102,The same user name (person 101)\r\n", ADA)
    assert part
    assert part.rest
    assert part.rest.decode("utf-8-sig").splitlines()[1] == "102,The same user name (person (erased))"


@pytest.mark.parametrize(
    ("rows", "theirs"),
    [
        ({"person_id": ["101", "102", None]}, [True, False, False]),
        ({"person_id": pd.array([101, 102, None], dtype="Int64")}, [True, False, False]),
        ({"person_id": [None, None, "102"], "admission_number": ["004604", "1", "004604"]}, [True, False, False]),
        ({"person_id": [None, None], "detail": ["account a-17", "account b-17"]}, [True, False]),
        ({"address_id": ["9", "99"]}, [True, False]),
        ({"person_id": ["101", "102"], "keep": [["gender"], []]}, [True, False]),
        ({"code": ["101", "9"]}, [False, False]),
        ({"person_id": ["102", "103"], "account_person_id": ["101", None]}, [True, False]),
    ],
)
def test_what_is_theirs_in_a_table(rows: Mapping[str, Any], theirs: Collection[bool]) -> None:
    table, buffer = pd.DataFrame(rows), io.BytesIO()
    table.to_parquet(buffer, index=False)
    part = parted("any.parquet", buffer.getvalue(), ADA)
    assert part
    assert part.rest
    assert len(part.theirs) == sum(theirs)
    left = pd.read_parquet(io.BytesIO(part.rest))
    assert left.dtypes.tolist() == table.dtypes.tolist()
    assert len(left) == len(table) - sum(theirs)
    if not any(theirs):
        assert part.rest == buffer.getvalue()


def test_what_is_theirs_in_a_list_for_a_spreadsheet() -> None:
    lines = ["person_id,school_identifier,code", "101,1,no_email", ",004604,no_person_id", "102,'=1,no_email", ",,a"]
    part = parted("errors.csv", "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig"), ADA)
    assert part
    assert part.rest == "".join(f"{lines[number]}\r\n" for number in (0, 3, 4)).encode("utf-8-sig")
    assert len(part.theirs) == 2


def test_keys_that_are_any_text_are_compared_as_text() -> None:
    person = Person("urn:uuid:0B7C", ANY_TEXT)
    part = parted("any.json", as_json({"urn:uuid:0B7C:no_email": 1, "unchanged": ["urn:uuid:0B7C", "0b7c"]}), person)
    assert part
    assert json.loads(part.rest or b"") == {"unchanged": ["0b7c"]}


def part_nothing(
    name: str, content: bytes, person_id: str, addresses: Collection[str]
) -> tuple[list[Mapping[str, str]], bytes]:
    """Documents of a source that nobody can part."""
    raise ValueError


@pytest.fixture(params=["a folder", "an object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """Nights of an earlier version."""
    if request.param == "a folder":
        shutil.copytree(EARLIER, tmp_path / "store")
        return LocalFolder(tmp_path / "store")
    objects = object_store(tmp_path)
    for path in (each for each in EARLIER.rglob("*") if each.is_file()):
        objects.write(str(path.relative_to(EARLIER)), path.read_bytes())
    return objects


def texts(school: Folder) -> dict[str, str]:
    return {
        f"{folder.name}/{file}": folder.read(file).decode("utf-8", "replace")
        for folder in school.listings()
        for file in folder.files()
        if not file.endswith(".parquet")
    }


@pytest.mark.parametrize("person_id", ["102", "126", "127"])
def test_files_of_an_earlier_version_are_read_as_before_after_an_erasure(store: Folder, person_id: str) -> None:
    school = Stored(store, "green-abbey", NUMBER, part_nothing)
    before = {name: as_read(store / "green-abbey" / name) for name in (store / "green-abbey").folder_names()}
    held = school.held_of(person_id)
    assert held.files
    assert held.files.keys() == school.erase(person_id).files.keys()
    assert school.held_of(person_id).files == {}
    number = f"{int(person_id):06d}"
    assert [name for name, text in texts(store / "green-abbey").items() if number in text] == []
    assert {name: as_read(store / "green-abbey" / name) for name in before} == before


def as_read(folder: Folder) -> dict[str, Any]:
    """How a run stands: what a reader can open of it, and whether its approval is that of its plan."""
    run = RunReader(folder)
    plan, approval = run.output(PlanFacts), run.output(ApproveFacts)
    return {
        "outputs": {stage for stage, facts in FACTS.items() if run.output(facts)},
        "plan": run.plan() is not None,
        "waits": run.waits_for_approval(),
        "stages": [state.how for state in run.stages()],
        "approved": plan is not None and approval is not None and approval.facts.plan.sha256 == plan.reference.sha256,
    }


def test_one_file_that_cannot_be_read_stops_no_other_and_is_named(store: Folder) -> None:
    run = store / "green-abbey" / "second"
    run.write("plan/findings.parquet", b"cut")
    run.write("notes.txt", b"by hand")
    school = Stored(store, "green-abbey", NUMBER, part_nothing)
    erased = school.erase("102")
    assert set(erased.unreadable) == {"second/plan/findings.parquet", "second/notes.txt"}
    assert "second/plan/plan.json" in erased.files


def test_a_document_that_nobody_can_part_goes_as_a_whole_if_it_names_the_person(store: Folder) -> None:
    run = store / "green-abbey" / "second"
    run.write("extract/a.xml.gz", gzip.compress(b"<cut><id>0102</id>"))
    run.write("extract/b.xml.gz", gzip.compress(b"<cut><id>103</id>"))
    Stored(store, "green-abbey", NUMBER, part_nothing).erase("102")
    assert set((run / "extract").names()) == {"b.xml.gz"}


def test_a_run_that_has_not_ended_is_named(store: Folder) -> None:
    school = Stored(store, "green-abbey", NUMBER, part_nothing)
    assert school.held_of("102").unfinished == ["waiting"]
    waiting = open_output(store / "green-abbey" / "waiting", PlanFacts)
    assert waiting.facts.reasons
