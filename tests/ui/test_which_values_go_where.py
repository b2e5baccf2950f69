"""The page of a school's values; and what who may only read sees of what is withheld, nothing (SPEC sections 4, 9)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from invented_runs import write_config
from school_users import EDITOR, ITS_DAG, OF_ONE_SCHOOL, READER
from ui_client import Pages

from csv_folder import CsvFolder
from sandbox.directory import server
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.school_entry import School
from sims_sync.model.attributes import ATTRIBUTES, OPTIONAL
from sims_sync.model.person import NUMBER
from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.store.local import LocalFolder

MONDAY = date(2026, 9, 14)
ON_ROLL = range(101, 106)
REASON = "court order 17"


class SchoolInSims(CsvFolder):
    """The CSV folder as a source that knows everything, with SIMS's keys."""

    key = NUMBER
    cannot_know = frozenset[str]()


@pytest.fixture(autouse=True)
def _emptied(pages: Pages, know_dags: Callable[..., None]) -> Iterator[None]:
    know_dags({"green-abbey": {f"night {each}": ("success", datetime(2026, 9, 15, tzinfo=UTC)) for each in (1, 2, 3)}})
    yield
    shutil.rmtree(pages.root, ignore_errors=True)


def configured(pages: Pages, **keys: Any) -> None:
    write_config(pages.config, [{"id": "green-abbey", **keys}])


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def way(pages: Pages, label: str, user: str = READER) -> str:
    """The row of a value, in words."""
    html = pages.get(f"dags/{ITS_DAG}/values", user).text
    rows = [words(row) for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)]
    (found,) = [row for row in rows if re.match(rf"{re.escape(label)}( special category)?( off)? (Get|not from)", row)]
    return found


def test_the_page_of_a_school_leads_to_that_of_its_values(pages: Pages) -> None:
    configured(pages)
    page = pages.get(f"dags/{ITS_DAG}", READER).text
    assert f'href="/student-sync/dags/{ITS_DAG}/values"' in page
    assert pages.get(f"dags/{ITS_DAG}/values", READER).status_code == 200


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda each: each.column)
def test_each_value_has_its_origin_rule_and_place(pages: Pages, attribute: Any) -> None:
    place = "nickName" if attribute.only_if_mapped else attribute.name
    configured(pages, directory={"attributes": {attribute.column: place}} if attribute.only_if_mapped else {})
    told = way(pages, attribute.label)
    assert (f" {place} extension " if attribute.extension else f" {place} ") in told
    assert attribute.rule in told
    for operation in OPERATIONS:
        if operation.table in attribute.tables:
            assert operation.name in told
        if operation.table == "students" and attribute.taken_from:
            (element,) = [name for name, column in operation.columns.items() if column == attribute.taken_from]
            assert f"{operation.name}: {element}" in told
    assert ("special category" in told) == attribute.special
    assert {"always": "whenever it differs", "once": "once: when", "at_creation": "once: when"}[
        attribute.written
    ] in told


@pytest.mark.parametrize("column", OPTIONAL)
def test_a_value_that_is_off_is_said_to_be_off_here_and_on_the_page_of_the_school(pages: Pages, column: str) -> None:
    configured(pages, attributes={column: False})
    (label,) = [each.label for each in ATTRIBUTES if each.column == column]
    told = way(pages, label)
    assert " off Get" in told
    assert told.endswith("never: off")
    assert f"attributes own {column}: off" in words(pages.get(f"dags/{ITS_DAG}", READER).text)
    others = [each.label for each in ATTRIBUTES if each.column != column]
    assert not any("never: off" in way(pages, other) for other in others)


def test_whose_account_is_not_the_same_is_told_to_who_may_edit_alone(pages: Pages) -> None:
    configured(pages, not_the_same=[{"person_id": 7, "account": "amelia@example.org"}])
    assert "not_the_same own person 7 and amelia@example.org" in words(pages.get(f"dags/{ITS_DAG}", EDITOR).text)
    to_a_viewer = words(pages.get(f"dags/{ITS_DAG}", READER).text)
    assert "not_the_same own 1, told to those who may edit" in to_a_viewer
    assert "amelia" not in to_a_viewer


def test_a_upn_goes_nowhere_and_is_not_kept_unless_the_directory_maps_it(pages: Pages) -> None:
    configured(pages)
    assert way(pages, "UPN").endswith("nowhere never: the directory is not to have it")
    page = words(pages.get(f"dags/{ITS_DAG}/values", READER).text)
    assert "UPN" not in page.partition("What is asked of SIMS")[2]


@pytest.mark.parametrize(
    ("off", "unasked"),
    [
        ((), set()),
        (("sen_information",), {"GetXmlSENProvisions"}),
        (("free_school_meals",), {"GetXmlFreeMeals"}),
        (("home_address",), {"GetXmlAddresses", "GetXmlPersonAddresses"}),
        (("home_telephone",), set()),
        (("home_telephone", "mobile_telephone"), {"GetXmlPersonTelephones"}),
        (("home_email", "work_email", "email_preference", "gender"), set()),
    ],
)
def test_the_calls_that_are_not_made_are_named(pages: Pages, off: tuple[str, ...], unasked: set[str]) -> None:
    configured(pages, attributes=dict.fromkeys(off, False))
    told = words(pages.get(f"dags/{ITS_DAG}/values", READER).text)
    assert set(re.findall(r"(GetXml\w+) not asked", told)) == unasked


def test_what_a_forename_and_a_user_name_are_follows_the_configuration(pages: Pages) -> None:
    configured(pages)
    assert "GetXmlStudents: Forename as in SIMS" in way(pages, "Forename")
    assert "the admission number, else the email address" in way(pages, "User name")
    configured(pages, forename="chosen_name", username="email")
    assert "GetXmlStudents: Forename ChosenName the chosen name, where there is one" in way(pages, "Forename")
    assert "the email address, else the admission number" in way(pages, "User name")


def nights(folder: Path, withheld: list[Any], later: list[Any], *, lacks: bool) -> Path:
    """The store after three nights.

    :param withheld: what is withheld from the first night on; ``later``: from the third.
    :param lacks: whether SIMS itself lacks what is withheld.
    """
    folder.mkdir()
    (folder / "source").mkdir()
    source, store = SchoolInSims(folder / "source"), folder / "store"
    with server.running(folder / "directory.sqlite", token="token") as directory:
        school = SchoolWithoutAirflow(LocalFolder(store), source, directory.url)
        for number in (1, 2, 3):
            write_roll(source, number, lacks=lacks)
            school.school = with_withheld(withheld if number < 3 else [*withheld, *later])
            assert school.night(MONDAY + timedelta(days=number)).fault is None
    return store


def with_withheld(entries: list[Any]) -> School:
    return School(**{**GREEN_ABBEY.model_dump(exclude={"limits", "withhold"}), "withhold": entries})


def write_roll(source: CsvFolder, number: int, *, lacks: bool) -> None:
    students, emails, telephones = [], [], []
    for person in ON_ROLL:
        student = {
            "person_id": str(person),
            "forename": "Robin",
            "surname": "Example",
            "admission_number": f"00{person}",
            "gender": ""
            if lacks and person == 102
            else ("Male" if number == 1 else "Female")
            if person == 102
            else "Male",
            "date_of_birth": "2010-05-06",
        }
        students.append(student)
        marks = {"main": "T", "primary": "T"}
        for location, start in (("H", "a"), ("W", "b")):
            row = {"email_id": f"{person}{location}", "email_address": f"{start}{person}@example.org"}
            emails.append({"person_id": str(person), "location": location, **row, **marks})
        for location in "HM":
            if not (lacks and person == 101 and location == "M"):
                row = {"telephone_id": f"{person}{location}", "number": f"{number if person == 101 else 1}{location}"}
                telephones.append({"person_id": str(person), "location": location, **row, **marks})
    source.write("students", students)
    source.write("emails", emails)
    # Of whom something is withheld the other telephone stays the same.
    source.write("telephones", [{**row, "number": "1H"} if row["location"] == "H" else row for row in telephones])


def entry(person_id: int, *attributes: str, **own: Any) -> dict[str, Any]:
    return {"person_id": person_id, "attributes": list(attributes), "reason": REASON, **own}


WITHHELD = [
    entry(101, "mobile_telephone"),
    entry(102, "gender"),
    entry(103, "home_email", "free_school_meals"),
    entry(104, "sen_information", clear=True),
]
LATER = [entry(105, "home_telephone", "date_of_birth", clear=True)]


def test_paths_key_and_marker_are_those_of_the_schools_directory(pages: Pages) -> None:
    configured(
        pages,
        directory={
            "students": "userType:pupil",
            "key": "nickName",
            "key_prefix": "sims-",
            "attributes": {"home_email": 'emails[type eq "other"]', "mobile_telephone": "none", "gender": "title"},
            "extension": "urn:example:scim:schemas:pupil:1.0:User",
        },
    )
    assert 'emails[type eq "other"]' in way(pages, "Personal email")
    assert "nowhere never: the directory is not to have it" in way(pages, "Mobile telephone")
    assert "title whenever" in way(pages, "Gender")
    assert "dateOfBirth extension" in way(pages, "Date of birth")
    assert "after sims- nickName" in way(pages, "Person ID")
    assert "userType always" in way(pages, "Kind of account")
    assert "urn:example:scim:schemas:pupil:1.0:User" in pages.get(f"dags/{ITS_DAG}/values", READER).text


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of a school that withholds values, and of one that does not, in whose SIMS most of them are missing."""
    folder = tmp_path_factory.mktemp("withheld")
    return nights(folder / "one", WITHHELD, LATER, lacks=False), nights(folder / "other", [], [], lacks=True)


PATHS = [
    "",
    f"dags/{ITS_DAG}",
    f"dags/{ITS_DAG}/values",
    *(f"dags/{ITS_DAG}/runs/night {night}{rest}" for night in (1, 2, 3) for rest in ("", "/errors.csv")),
    *(
        f"dags/{ITS_DAG}/students/{person}?run=night {night}"
        for person in ON_ROLL
        for night in (1, 2, 3)
        if (person, night) != (105, 3)  # where SIMS lacked it, it would be cleared
    ),
]
_TIME = re.compile(r"(\d\d [A-Z][a-z]{2} (\d{4} )?)?\d{1,2}:\d\d(:\d\d)?|took [^<]+")


def seen_by(user: str, pages: Pages, store: Path, withheld: list[Any]) -> dict[str, str]:
    """Every page that a user sees of a store, without the times of day."""
    shutil.rmtree(pages.root, ignore_errors=True)
    shutil.copytree(store, pages.root)
    configured(pages, **({"withhold": withheld} if withheld else {}))
    return {path: _TIME.sub("", pages.get(path, user).text) for path in PATHS}


@pytest.mark.parametrize("user", [READER, OF_ONE_SCHOOL])
def test_to_a_viewer_what_is_withheld_is_as_if_sims_had_no_such_value(
    pages: Pages, stores: tuple[Path, Path], user: str
) -> None:
    one = seen_by(user, pages, stores[0], [*WITHHELD, *LATER])
    other = seen_by(user, pages, stores[1], [])
    assert [path for path in PATHS if one[path] != other[path]] == []
    assert not any("withh" in page.casefold() or REASON in page for page in one.values())


def test_who_may_edit_sees_what_is_withheld_of_whom_and_why(pages: Pages, stores: tuple[Path, Path]) -> None:
    one = {path: words(page) for path, page in seen_by(EDITOR, pages, stores[0], [*WITHHELD, *LATER]).items()}
    told = one[f"dags/{ITS_DAG}/values"]
    assert f"101 Mobile telephone {REASON} stays as it is" in told
    assert f"104 SEN information {REASON} was cleared" in told
    assert f"105 Home telephone, Date of birth {REASON} was cleared" in told
    assert f"withheld: {REASON}" in one[f"dags/{ITS_DAG}/students/101?run=night 1"]
    third = one[f"dags/{ITS_DAG}/runs/night 3"]
    assert "Date of birth" in third
    assert "1 updated" in third


def test_a_value_that_is_still_to_be_cleared_is_said_to_be(pages: Pages) -> None:
    configured(pages, withhold=[entry(101, "gender", clear=True)])
    told = words(pages.get(f"dags/{ITS_DAG}/values", EDITOR).text)
    assert f"101 Gender {REASON} is cleared by the next run" in told


@pytest.mark.parametrize(
    "entries",
    [
        [entry(1, "mobile")],
        [entry(1, "gender"), entry(2, "gender"), entry(3, "mobile"), entry(4, "mobile")],
        [{"person_id": 1}],
        [entry(1, "gender"), {"person_id": "x", "attributes": ["gender"], "reason": REASON}],
        [entry(1)],
        [entry(1, "gender", until="2026")],
        [entry(1, "user_name")],
        "all",
    ],
)
def test_an_error_in_what_is_withheld_tells_neither_whom_nor_how_many(pages: Pages, entries: Any) -> None:
    configured(pages, withhold=entries)
    page = words(pages.get("", READER).text)
    errors = page[page.index("schools.yaml") :]
    assert "key withhold" in errors
    assert REASON not in errors
    assert not re.search(r"withhold\S*\.\d", errors)
    assert errors.count("key withhold") <= 3
