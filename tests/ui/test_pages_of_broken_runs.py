"""One run whose files are broken, in whatever way, is said to be so; all else is shown as before."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
from invented_runs import write_config
from school_users import EDITOR, READER
from ui_client import Pages

from csv_folder import CsvFolder
from sandbox.directory import server
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.runs.documents import STAGES
from sims_sync.store.content import as_json, sha256
from sims_sync.store.layout import run_name
from sims_sync.store.opening import open_store
from sims_sync.ui import airflow_runs

MONDAY = date(2026, 9, 14)
FIRST, BROKEN = "night 1", "night 2"
BROKEN_SCHOOL, OTHER = "green-abbey", "north-quay"
PEOPLE = ("101", "102", "103")
FOLDER = run_name(BROKEN)


def dag(school: str) -> str:
    return f"dags/sims_student_sync__{school}"


def run(school: str, run_id: str) -> str:
    return f"{dag(school)}/runs/{quote(run_id)}"


SAME = [dag(OTHER), *(run(OTHER, each) + rest for each in (FIRST, BROKEN) for rest in ("", "/errors.csv"))]
SAME += [f"{dag(OTHER)}/students/{person}" for person in PEOPLE]
SAME += [run(BROKEN_SCHOOL, FIRST), run(BROKEN_SCHOOL, FIRST) + "/errors.csv"]
"""The pages that have nothing to do with the broken run."""

OF_IT = ["", dag(BROKEN_SCHOOL), run(BROKEN_SCHOOL, BROKEN), run(BROKEN_SCHOOL, BROKEN) + "/errors.csv"]
OF_IT += [f"{dag(BROKEN_SCHOOL)}/students/101?run={quote(BROKEN)}", f"{dag(BROKEN_SCHOOL)}/students/102"]


@dataclass(frozen=True)
class Store:
    """The store with two nights of two schools, of which one run is to be broken.

    :param before: what the pages were that have nothing to do with it.
    """

    pages: Pages
    whole: Path
    before: Mapping[str, str]

    @property
    def folder(self) -> Path:
        return self.pages.root / BROKEN_SCHOOL / FOLDER

    def put(self, file: str, content: bytes) -> None:
        """A file with another content; the manifest of its stage says that it is the right one."""
        self.folder.joinpath(file).parent.mkdir(exist_ok=True)
        self.folder.joinpath(file).write_bytes(content)
        stage, _, name = file.partition("/")
        if name:
            manifest = self.folder / f"{stage}.json"
            document = json.loads(manifest.read_bytes())
            document["files"][name] = sha256(content)
            manifest.write_bytes(as_json(document))

    def walk(self) -> dict[str, str]:
        """What a person reads on every page of the broken run."""
        return {path: words(self.pages, path, READER if path == dag(BROKEN_SCHOOL) else EDITOR) for path in OF_IT} | {
            "look-up": text(self.pages.post(f"{dag(BROKEN_SCHOOL)}/students", data={"who": "000101"}))
        }

    def stand(self) -> None:
        """All pages that have nothing to do with it are as before."""
        assert {path: words(self.pages, path) for path in SAME} == self.before


def words(pages: Pages, path: str, user: str = EDITOR) -> str:
    return text(pages.get(path, user))


def text(answer: Any) -> str:
    assert answer.status_code in (200, 303, 404, 410), answer.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


@pytest.fixture(scope="module")
def store(pages: Pages, know_dags: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("nights")
    for school_id in (BROKEN_SCHOOL, OTHER):
        roll = CsvFolder(folder / school_id)
        roll.folder.mkdir()
        students = [
            {"person_id": each, "forename": "Robin", "surname": f"Example {each}", "admission_number": f"000{each}"}
            for each in PEOPLE
        ]
        roll.write("students", [*students[:2], {**students[2], "surname": ""}])
        emails = [("101", "h1@example.org"), ("102", "h2@example.org"), ("103", "h3@example.org")]
        roll.write("emails", [
            {"person_id": person, "email_id": "1", "location": "H", "email_address": address}
            for person, address in emails
        ])  # fmt: skip
        with server.running(folder / f"{school_id}.sqlite", token="token") as directory:
            school = SchoolWithoutAirflow(
                open_store(folder / "store"),
                roll,
                directory.url,
                school=GREEN_ABBEY.model_copy(update={"id": school_id}),
            )
            school.night(MONDAY)
            roll.write("students", [*students[:1], {**students[2], "surname": ""}])
            school.night(MONDAY + timedelta(days=1))
    write_config(pages.config, [{"id": BROKEN_SCHOOL}, {"id": OTHER}])
    began = datetime.now(UTC) - timedelta(hours=1)
    runs = {FIRST: ("success", began), BROKEN: ("failed", began + timedelta(minutes=1))}
    know_dags({BROKEN_SCHOOL: runs, OTHER: runs})
    shutil.copytree(folder / "store", pages.root)
    return Store(pages, folder / "store", {path: words(pages, path) for path in SAME})


@pytest.fixture(autouse=True)
def _whole_again(store: Store) -> Iterator[None]:
    yield
    mend(store)


def mend(store: Store) -> None:
    place = store.pages.root / BROKEN_SCHOOL
    if place.is_symlink():
        place.unlink()
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(store.whole / BROKEN_SCHOOL, place)


def parquet(**columns: Sequence[Any]) -> bytes:
    buffer = BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


NO_DOCUMENT = {
    "empty": b"",
    "cut": b'{"school": "green-ab',
    "null": b"null",
    "a number": b"5",
    "text": b'"report"',
    "an empty list": b"[]",
    "an empty mapping": b"{}",
    "a list of lists": b"[[], [[]]]",
    "not a number": b"NaN",
    "a mapping of infinity": b'{"counts": {"created": Infinity}}',
    "deep lists": b"[" * 100_000,
    "deep mappings": b'{"counts":' * 100_000,
    "closed deep lists": b"[" * 5_000 + b"]" * 5_000,
    "no UTF-8": b'{"school": "\xff\xfe"}',
    "UTF-16": '{"school": "green-abbey"}'.encode("utf-16"),
    "null bytes": b"\x00" * 4096,
    "a lone surrogate": b'{"school": "\\ud800", "run_id": "\\udfff"}',
    "a long number": b"9" * 10_000,
    "a web page": b"<!doctype html><title>Sign in</title>",
    "Parquet": parquet(person_id=["101"]),
}
"""Contents that are no document of a run, whichever it is."""

DOCUMENTS = ["report", *(stage for stage in STAGES if stage != "report")]
FILES = [*(f"{each}.json" for each in DOCUMENTS), "plan/plan.json", "load/results.json", "load.ended.json"]
TABLES = ["validate/roll", "validate/findings", "transform/accounts", "transform/choices", "transform/findings"]
TABLES += ["plan/accounts", "plan/findings"]
NEVER_ASKED_FOR = {
    "transform.json", "approve.json", "approve_leavers.json", "load.ended.json", "transform/accounts.parquet",
}  # fmt: skip
"""What a page needs only where the run did not come further."""


@pytest.mark.parametrize("file", FILES)
def test_no_document_in_place_of_a_file_of_a_run_is_told_and_stops_nothing(store: Store, file: str) -> None:
    right = {"load/results.json": {"an empty list"}}
    for what, content in NO_DOCUMENT.items():
        store.put(file, content)
        shown = store.walk()
        if what in right.get(file, ()) or file in NEVER_ASKED_FOR:
            continue
        assert f"{file}" in shown[run(BROKEN_SCHOOL, BROKEN)], what
        assert "cannot be read" in shown[run(BROKEN_SCHOOL, BROKEN)], what
        if file == "report.json":
            for path in ("", dag(BROKEN_SCHOOL)):
                assert f"The run {FOLDER} cannot be shown: its report.json is no report." in shown[path], what
        if what == "deep lists":
            store.stand()
        mend(store)


VALUES = (
    None,
    [],
    {},
    "x",
    -1,
    10**30,
    1.5,
    True,
    [[]],
    {"x": {}},
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59Z",
    "",
)


@pytest.mark.parametrize("file", [each for each in FILES if each not in ("load/results.json", "load.ended.json")])
def test_another_value_under_any_key_stops_nothing(store: Store, file: str) -> None:
    document = json.loads((store.folder / file).read_bytes())
    for key in document:
        for value in VALUES:
            store.put(file, as_json({**document, key: value}))
            words(store.pages, run(BROKEN_SCHOOL, BROKEN))
            if file in ("report.json", "plan.json"):
                words(store.pages, dag(BROKEN_SCHOOL))
        store.put(file, as_json({name: each for name, each in document.items() if name != key}))
        store.walk()
        mend(store)


ODD = {
    "an outcome of another version": {"outcome": "adjourned"},
    "counts that are texts": {"counts": {"created": "many"}},
    "counts below zero": {"counts": {"extracted": -5, "created": -5}},
    "counts beyond all schools": {"counts": {"extracted": 10**400}},
    "no counts": {"counts": {}},
    "more rejected than extracted": {"counts": {"extracted": 1, "rejected": 5, "unchanged": 7}},
    "a time without a zone": {"started_at": "2026-09-14T02:13:00"},
    "the first moment": {"started_at": "0001-01-01T00:00:00+14:00"},
    "the last moment": {"finished_at": "9999-12-31T23:59:59-12:00"},
    "the last day": {"effective_date": "9999-12-31"},
    "the first day": {"effective_date": "0001-01-01"},
    "no day": {"effective_date": "2026-02-30"},
    "an end before the beginning": {"finished_at": "2020-01-01T00:00:00+00:00"},
    "a code of another version": {"warnings": [{"person_id": 1, "school_identifier": None, "stage": "x", "code": "x",
                                                "message": "m", "correct": "c"}]},
    "a long id": {"run_id": "n" * 5_000},
    "an id of control characters": {"run_id": "\x00\x1b[31m\r\n"},
    "an id like a path": {"run_id": "../../north-quay/night 1"},
    "another school": {"school": "north-quay"},
    "long words": {"reason": "<script>" * 10_000},
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_an_odd_report_stops_nothing(store: Store, what: str) -> None:
    document = json.loads((store.folder / "report.json").read_bytes())
    store.put("report.json", as_json({**document, **ODD[what]}))
    store.walk()
    store.stand()


NO_TABLES = [
    b"", b"PAR1", b"\x00" * 100, parquet(), parquet(x=[1]), parquet(person_id=[], school_identifier=[]),
    parquet(person_id=[["101"]], school_identifier=[{"a": 1}], stage=[1.5], code=[b"x"], detail=[None]),
    parquet(person_id=[101], school_identifier=[101], attribute=[1], sims_id=[1], why=[1], keep=[1]),
    parquet(person_id=["101"], school_identifier=["1"], stage=["plan"], code=["of_another_version"], detail=["x"]),
    parquet(person_id=["101"], attribute=["forename"], sims_id=["1"], why=["x"], forename=["Robin"]),
    parquet(person_id=[None], school_identifier=[None], stage=[None], code=[None], detail=[None], keep=[None]),
]  # fmt: skip


@pytest.mark.parametrize("file", TABLES)
def test_no_table_of_a_run_stops_anything(store: Store, file: str) -> None:
    for content in NO_TABLES:
        store.put(f"{file}.parquet", content)
        store.walk()
        (store.folder / "report.json").unlink()  # then the tables tell what is known so far
        words(store.pages, run(BROKEN_SCHOOL, BROKEN))
        mend(store)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_link(path: Path) -> None:
    elsewhere = Path(tempfile.mkdtemp(dir=path.parents[2])) / path.name
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


def as_endless_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("spoil", [as_folder, as_pipe, as_link, as_endless_link])
@pytest.mark.parametrize("file", ["report.json", "plan.json", "plan/plan.json", "load/results.json", "errors.csv"])
def test_what_is_no_file_in_place_of_one_is_told(store: Store, file: str, spoil: Callable[[Path], None]) -> None:
    spoil(store.folder / file)
    shown = store.walk()
    store.stand()
    if file == "errors.csv":
        assert f"of the run {BROKEN} cannot be read" in shown[run(BROKEN_SCHOOL, BROKEN) + "/errors.csv"]
    else:
        assert f"{file}" in shown[run(BROKEN_SCHOOL, BROKEN)]
    if file == "report.json":
        assert f"The run {FOLDER} cannot be shown: it is" in shown[""]


def test_a_run_folder_that_is_a_link_is_not_followed(store: Store) -> None:
    as_link(store.folder)
    shown = store.walk()
    store.stand()
    for path in ("", dag(BROKEN_SCHOOL)):
        assert f"The run {FOLDER} cannot be shown: it is a link" in shown[path]


def test_a_stage_folder_that_is_a_link_is_not_followed(store: Store) -> None:
    as_link(store.folder / "plan")
    assert "plan/plan.json" in store.walk()[run(BROKEN_SCHOOL, BROKEN)]


def test_a_schools_folder_that_is_a_link_is_not_followed(store: Store) -> None:
    as_link(store.pages.root / BROKEN_SCHOOL)
    told = "The runs of green-abbey cannot be listed: it is a link"
    others = [path for path in SAME if not path.startswith(dag(BROKEN_SCHOOL))]
    assert all(words(store.pages, path) == store.before[path] for path in others)
    for path in ("", dag(BROKEN_SCHOOL), f"{dag(BROKEN_SCHOOL)}/students/101"):
        assert told in words(store.pages, path)
    for path in OF_IT:
        words(store.pages, path)


@pytest.fixture
def closed(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Closes a folder to the service's user, as one of another user with 0700 is (root may read everything)."""

    def close(folder: Path) -> None:
        def guard(name: str) -> None:
            asked = getattr(os, name)

            def refuse(path: Any, *args: Any, **options: Any) -> Any:
                inside = str(path).startswith(f"{folder}/") or (name == "scandir" and str(path) == str(folder))
                if inside:
                    raise PermissionError(13, "Permission denied")
                return asked(path, *args, **options)

            monkeypatch.setattr(os, name, refuse)

        for name in ("stat", "lstat", "scandir", "listdir"):
            guard(name)

    return close


def test_a_run_folder_of_another_user_is_told_and_stops_nothing(store: Store, closed: Callable[[Path], None]) -> None:
    closed(store.folder)
    shown = store.walk()
    store.stand()
    for path in ("", dag(BROKEN_SCHOOL)):
        assert f"The run {FOLDER} cannot be shown: the service's user may not (Permission denied)." in shown[path]
    assert "cannot be read" in shown[run(BROKEN_SCHOOL, BROKEN)]


def test_a_schools_folder_of_another_user_is_told_and_stops_no_other_school(
    store: Store, closed: Callable[[Path], None]
) -> None:
    closed(store.pages.root / BROKEN_SCHOOL)
    others = [path for path in SAME if not path.startswith(dag(BROKEN_SCHOOL))]
    assert all(words(store.pages, path) == store.before[path] for path in others)
    assert "The runs of green-abbey cannot be listed" in words(store.pages, "")
    for path in OF_IT:
        words(store.pages, path)


@pytest.mark.parametrize("file", ["mark.json", "departures.json"])
def test_a_state_file_of_another_shape_is_told_as_one_that_is_no_json(store: Store, file: str) -> None:
    path = store.pages.root / BROKEN_SCHOOL / "state" / file
    for content in (*NO_DOCUMENT.values(), b'{"run_id": 5}', b'[{"at": "2026-09-14T02:13:00"}]'):
        if (file, content) in {("mark.json", b"null"), ("departures.json", b"[]")}:
            continue
        path.write_bytes(content)
        assert f"The file {file} of the state of green-abbey cannot be read." in store.walk()[dag(BROKEN_SCHOOL)]
    as_folder(path)
    assert f"The file {file} of the state of green-abbey cannot be read." in store.walk()[dag(BROKEN_SCHOOL)]


QUERIES = [
    f"{table}_{name}={quote(value)}"
    for table in ("errors", "changes", "warnings")
    for name, values in {
        "page": ("9" * 5_000, "-1", "0", "1e9", "two", "\x00", "\u0663", "", "1 ", "0x1"),
        "sort": ("-", "--code", "__class__", "code; drop", "\x00", "n" * 5_000, "-\u0663"),
        "show": ("no_such_code", "\x00", "<script>", "n" * 5_000, "None"),
    }.items()
    for value in values
]


@pytest.mark.parametrize(
    "query", [*QUERIES, "run=../../x", "run=%00", "a" * 20_000, "%ff=%fe", "errors_page=1&errors_page=x", "&&=&"]
)
def test_an_odd_query_is_ignored(store: Store, query: str) -> None:
    assert words(store.pages, f"{run(BROKEN_SCHOOL, FIRST)}?{query}") == store.before[run(BROKEN_SCHOOL, FIRST)]
    words(store.pages, f"{dag(BROKEN_SCHOOL)}/students/101?{query}")


@pytest.mark.parametrize("odd", ["%00", "night%00", "%0a", "%1b%5b31m"])
def test_an_odd_run_in_a_query_is_no_run_and_the_database_is_not_asked_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    def refuse(**_: Any) -> None:
        raise ValueError("A string literal cannot contain NUL (0x00) characters.")

    monkeypatch.setattr(airflow_runs, "create_session", refuse)
    for school in (BROKEN_SCHOOL, OTHER):
        assert store.pages.get(f"{dag(school)}/students/101?run={odd}").status_code == 200


ODD_IDS = ["%00", "%0a", "%1b%5b31m", "%ff", "%ed%a0%80", "..", "%2e%2e", "..%2f..%2fnorth-quay", "state", ".",
"%20", "n" * 5_000, "9" * 5_000, "*", "'--", "%7b%7b7*7%7d%7d"]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_odd_id_in_an_address_is_not_found(store: Store, odd: str) -> None:
    for path in (
        f"dags/{odd}",
        f"{dag(BROKEN_SCHOOL)}/runs/{odd}",
        f"{dag(BROKEN_SCHOOL)}/runs/{odd}/errors.csv",
        f"{dag(BROKEN_SCHOOL)}/students/{odd}",
    ):
        answer = store.pages.get(path)
        assert answer.status_code in (403, 404) or (odd in (".", "..", "%2e%2e") and answer.status_code < 500), path
    sought = store.pages.post(f"{dag(BROKEN_SCHOOL)}/students", content=f"who={odd}")
    assert sought.status_code == 404
