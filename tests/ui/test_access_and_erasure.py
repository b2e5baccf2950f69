"""All that is held of one person is given out, or erased, by one command; pages of the runs go on (SPEC section 9)."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from airflow.cli.cli_parser import get_parser
from invented_runs import write_config
from ui_client import Pages

from sandbox.directory import server as directory_server
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.airflow.connections import sims_client
from sims_sync.model.errors import PermanentFault
from sims_sync.night.applying import load
from sims_sync.night.approval import GATES
from sims_sync.night.planning import plan
from sims_sync.night.preparing import extract, transform, validate
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.layout import run_folder
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder

DAG_ID = "sims_student_sync__green-abbey"
THIRD = date.today() - timedelta(days=1)
FIRST, SECOND = THIRD - timedelta(days=2), THIRD - timedelta(days=1)
LEAVES, FAILS, SIBLING, PARENT = 7101, 7102, 7103, 7900
PEOPLE = (LEAVES, FAILS, SIBLING)


def own_values(person_id: int) -> dict[str, str]:
    """Values that are this person's and nobody else's in the whole school."""
    return {
        "forename": f"Forename{person_id}",
        "surname": f"Surname{person_id}",
        "email": f"own{person_id}@example.org",
        "second email": f"second{person_id}@example.org",
        "telephone": f"01632 {person_id}11",
        "mobile": f"07700 {person_id}22",
        "street": f"Street{person_id}",
        "number": f"AX{person_id}",
        "provision": f"Provision{person_id}",
    }


def put(sims: Database, person_id: int, **values: object) -> None:
    own = own_values(person_id)
    sims.put_student(
        person_id,
        forename=own["forename"],
        surname=own["surname"],
        admission_number=own["number"],
        email=own["email"],
        telephone=own["telephone"],
        mobile=own["mobile"],
        address={"street": own["street"], "town": "Ferndown"},
    )
    sims.put_email(person_id, own["second email"], "W")
    sims.put_sen_provision(person_id, "K", own["provision"])


def fill(sims: Database) -> None:
    """Three students, of whom two live together at a second address, and a parent of theirs."""
    sims.put_school()
    for person_id in PEOPLE:
        put(sims, person_id)
    for person_id in range(101, 121):
        sims.put_student(person_id)
    shared = sims.put_address(LEAVES, street="SharedStreet", start_date="2001-01-01T00:00:00")
    for person_id in (SIBLING, PARENT):
        sims.put_address(person_id, address_id=shared, start_date="2001-01-01T00:00:00")
    sims.put_email(PARENT, "parent@example.org")
    sims.put_email(SIBLING, "no address", "H", primary=True)  # a warning, every night


def files_of(store: Path) -> dict[str, str]:
    """What a person could read in each file of the store."""
    found = {}
    for path in (each for each in store.rglob("*") if each.is_file()):
        content = path.read_bytes()
        name = str(path.relative_to(store))
        if path.suffix == ".parquet":
            found[name] = json.dumps(pd.read_parquet(io.BytesIO(content)).to_dict("records"), default=str)
        elif path.suffix == ".gz":
            found[name] = gzip.decompress(content).decode("iso-8859-1")
        else:
            found[name] = content.decode("utf-8-sig")
    return found


# Any four digits stand in one of these, some day.
HASH_OR_UUID = re.compile(r"\b(?:[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


def holding(store: Path, values: Sequence[str]) -> dict[str, set[str]]:
    """The files that hold some of these values, with those that they hold."""

    def stands_in(value: str, text: str) -> bool:
        return value in (text if HASH_OR_UUID.fullmatch(value) else HASH_OR_UUID.sub(" ", text))

    found = {name: {value for value in values if stands_in(value, text)} for name, text in files_of(store).items()}
    return {name: held for name, held in found.items() if held}


@pytest.fixture(scope="module")
def sims(tmp_path_factory: pytest.TempPathFactory) -> Database:
    sims = Database(tmp_path_factory.mktemp("sims") / "sims.sqlite")
    fill(sims)
    return sims


@pytest.fixture
def school(after_its_nights: SchoolWithoutAirflow, pages: Pages, tmp_path: Path) -> Iterator[SchoolWithoutAirflow]:
    """After three nights; what a test does to its files is undone."""
    shutil.copytree(pages.root, tmp_path / "store")
    nights = after_its_nights.nights
    yield after_its_nights
    after_its_nights.nights = nights
    shutil.rmtree(pages.root)
    shutil.copytree(tmp_path / "store", pages.root)


@pytest.fixture(scope="module")
def after_its_nights(
    sims: Database, pages: Pages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SchoolWithoutAirflow]:
    """Three nights: all are new; one has left and one has no email any more; the last is held and waits."""
    write_config(pages.config, [{"id": "green-abbey"}, {"id": "holme-court"}])
    folder = tmp_path_factory.mktemp("directory")
    with (
        sims_server.running(sims, username="sync", password="secret") as broker,
        directory_server.running(folder / "directory.sqlite", token="token") as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        connection = {"conn_type": "http", "host": broker.url, "login": "sync", "password": "secret"}
        patch.setenv("AIRFLOW_CONN_SIMS_GREEN_ABBEY", json.dumps(connection))
        source = Sims(lambda: sims_client("sims_green_abbey"), "823", "4321")
        school = SchoolWithoutAirflow(LocalFolder(pages.root), source, directory.url)
        assert school.night(FIRST).fault is None
        sims.leave(LEAVES, FIRST)
        sims.delete("emails", {"person_id": FAILS})
        assert school.night(SECOND).fault is None
        for person_id in range(101, 121):
            sims.leave(person_id, SECOND)
        held = school.night(THIRD)
        assert held.reported
        assert held.reported.report.outcome == "held"
        yield school


def command(*words: str) -> None:
    """Run ``airflow sims-sync``, as it is called on a command line."""
    options = get_parser().parse_args(["sims-sync", *words])
    options.func(options)


def erase(person_id: object, *words: str, school: str = "green-abbey") -> None:
    command("erase", "--school", school, "--person-id", str(person_id), "--yes", *words)


def page_of_each_run(pages: Pages, school: SchoolWithoutAirflow) -> list[str]:
    runs = [f"night {number}" for number in range(1, school.nights + 1)]
    answers = [pages.get(f"dags/{DAG_ID}/runs/{quote(run)}") for run in runs]
    assert [answer.status_code for answer in answers] == [200] * len(runs)
    return [answer.text for answer in answers]


def test_access_gives_out_all_that_is_held_of_one_person_and_nothing_of_another(
    school: SchoolWithoutAirflow, pages: Pages, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``0007102`` is person 7102."""
    output = tmp_path / "access.json"
    command("access", "--school", "green-abbey", "--person-id", f"000{FAILS}", "--output", str(output))
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    document = json.loads(output.read_text())
    given = json.dumps(document, ensure_ascii=False)
    assert document["person_id"] == str(FAILS)
    assert [value for value in own_values(FAILS).values() if value not in given] == []
    assert [value for other in (LEAVES, SIBLING) for value in own_values(other).values() if value in given] == []
    held = holding(pages.root, [str(FAILS), *own_values(FAILS).values()])
    given_files = {f"green-abbey/{path}" for path in document["schools"]["green-abbey"]["files"]}
    assert given_files >= held.keys()
    command("access", "--school", "green-abbey", "--person-id", str(FAILS))
    assert json.loads(capsys.readouterr().out)["schools"] == document["schools"]


def test_a_dry_run_and_one_that_is_not_confirmed_change_no_file(
    school: SchoolWithoutAirflow, pages: Pages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in pages.root.rglob("*") if path.is_file()}
    erase(LEAVES, "--dry-run")
    assert "would be rewritten" in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(SystemExit, match="Nothing was erased"):
        command("erase", "--school", "green-abbey", "--person-id", str(LEAVES))
    assert {path: path.read_bytes() for path in pages.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("lease", ["sims", "directory"])
def test_nothing_is_erased_while_a_run_of_the_school_is_at_work(
    school: SchoolWithoutAirflow, pages: Pages, lease: str
) -> None:
    before = holding(pages.root, list(own_values(LEAVES).values()))
    state = school.store / "green-abbey" / "state"
    with hold_lease(state, lease, "night 9 (load)"), pytest.raises(SystemExit, match=r"nothing was erased.*night 9"):
        erase(LEAVES)
    assert holding(pages.root, list(own_values(LEAVES).values())) == before


def test_a_person_of_whom_nothing_is_held_and_what_is_no_person_id_change_nothing(
    school: SchoolWithoutAirflow, pages: Pages, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(pages.root)
    erase(999999)
    assert "0 entries of this person" in capsys.readouterr().err
    for wrong in ("-5", "Ada", ""):
        with pytest.raises(SystemExit, match="no Person ID"):
            command("erase", "--school", "green-abbey", f"--person-id={wrong}", "--yes")
    with pytest.raises(SystemExit, match="no folder of nowhere"):
        erase(LEAVES, school="nowhere")
    for schools in ([], ["--school", "green-abbey", "--all-schools"]):
        with pytest.raises(SystemExit, match="which school"):
            command("erase", *schools, "--person-id", str(LEAVES), "--yes")
    assert files_of(pages.root) == before


@pytest.mark.parametrize("person_id", [LEAVES, FAILS])
def test_after_an_erasure_no_file_holds_the_person_all_others_are_there_and_the_pages_open(
    school: SchoolWithoutAirflow, pages: Pages, person_id: int, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [*own_values(person_id).values(), str(person_id)]
    others = [value for other in PEOPLE if other > person_id for value in (*own_values(other).values(), str(other))]
    others.append("person-101@example.org")
    account = next(user["id"] for user in school.users() if user.get("externalId") == str(person_id))
    own.append(account)
    held, of_others = holding(pages.root, own), holding(pages.root, others)
    kinds = {name.rpartition("/")[2] for name in held}
    assert {"GetXmlStudents.xml.gz", "students.parquet", "plan.json", "results.json", "accounts.parquet"} <= kinds
    if person_id == FAILS:
        assert {"report.json", "errors.csv", "mark.json", "failing.json"} <= kinds
    else:
        assert "departures.json" in kinds
    extracts = [run_folder(school.store, "green-abbey", f"night {number}") / "extract" for number in range(1, 4)]
    extracts[0].write(".students.parquet.0a1b", b"half")
    shared = [holding(Path(str(each)), ["SharedStreet"]) for each in extracts]
    assert [set(each) for each in shared] == [{"GetXmlAddresses.xml.gz", "addresses.parquet"}] * 3

    erase(person_id)
    told = capsys.readouterr().err
    assert "were rewritten" in told
    assert "comes back with the next night" in told
    assert holding(pages.root, own) == {}
    assert holding(pages.root, others) == of_others
    assert [holding(Path(str(each)), ["SharedStreet"]) for each in extracts] == shared
    assert not list(pages.root.rglob(".students.parquet*"))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in pages.root.rglob("*") if path.is_file())
    for text in page_of_each_run(pages, school):
        assert own_values(person_id)["number"] not in text
    assert pages.get(f"dags/{DAG_ID}").status_code == 200
    assert pages.get(f"dags/{DAG_ID}/students/{person_id}").status_code == 404
    assert pages.get(f"dags/{DAG_ID}/students/{SIBLING}").status_code == 200


def test_the_plan_of_a_run_after_an_erasure_is_another_than_the_one_that_was_approved(
    school: SchoolWithoutAirflow, sims: Database
) -> None:
    """Nobody's approval covers what the plan has become."""
    run = school.run(THIRD)
    planned = plan(run, transform(run, validate(run, extract(run))))
    approved = GATES["approve"].open(run, planned).let_through(asked=True, by="Anna")
    erase(SIBLING)
    with pytest.raises(PermanentFault, match="is not the one"):
        load(run, approved)


def test_the_night_after_an_erasure_goes_well(school: SchoolWithoutAirflow, sims: Database) -> None:
    night = school.night(THIRD, approved_by="Anna")
    assert night.fault is None
    assert night.reported
    assert night.reported.report.outcome == "success"
