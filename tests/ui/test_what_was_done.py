"""What was done to a person's account is looked up in the register, long after the run files are gone; and a click on a
student of a run that waits tells of that run."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from types import MappingProxyType
from typing import Any

import pandas as pd
import pytest
from invented_runs import write_config, write_report
from school_users import EDITOR, ITS_DAG, READER
from ui_client import Pages

from invented_facts import EXTRACTED, REFERENCE, VALIDATED, planned
from sims_sync.model.change_kinds import Kind
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.runs.documents import ApproveFacts, DisableLeaversFacts, LoadFacts, PlanFacts
from sims_sync.runs.files import RunFiles
from sims_sync.runs.register import Entry, Register, Written
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder

LONG_AGO = datetime(2025, 7, 20, 1, 30, tzinfo=UTC)
LAST_NIGHT = datetime.now(UTC) - timedelta(hours=6)
ALL_KINDS: frozenset[Kind] = frozenset({"create", "update", "enable", "link", "disable", "unlink_role"})
GONE, STAYS = "2447", "101"


@pytest.fixture(autouse=True)
def _schools(pages: Pages, know_dags: Callable[..., None]) -> Iterator[None]:
    write_config(pages.config, [{"id": "green-abbey", "timezone": "UTC"}])
    know_dags({"green-abbey": {"waits": ("running", LAST_NIGHT), "last-night": ("success", LAST_NIGHT)}})
    yield
    shutil.rmtree(pages.root, ignore_errors=True)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def write_down(
    pages: Pages,
    at: datetime,
    run_id: str,
    *told: tuple[Kind, str | None, str, str | None],
    numbers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Entries of one plan: kind, Person ID, account, who approved it.

    :param numbers: admission numbers that are not the Person ID.
    """
    of = Written(run_id, "a" * 64, at)
    cause = {"disable": "not on roll", "create": "on roll, no account"}
    entries = [
        Entry(
            kind=kind,
            person_id=person,
            school_identifier=person and numbers.get(person, person.zfill(6)),
            account_id=account,
            cause=cause.get(kind, "values differ"),
            run_id=run_id,
            plan=of.plan,
            approved_by=approved_by,
            at=at,
            done=True,
        )
        for kind, person, account, approved_by in told
    ]
    Register(LocalFolder(pages.root), "green-abbey").write_down(of, ALL_KINDS, entries)


def save_run(
    pages: Pages,
    run_id: str,
    *changes: dict[str, Any],
    on_roll: tuple[str, ...] = (STAYS,),
    numbers: tuple[str, ...] = (),
) -> RunFiles:
    """A run up to its plan.

    :param numbers: admission numbers that are not the Person ID.
    """
    files = RunFiles(run_folder(LocalFolder(pages.root), "green-abbey", run_id))
    roll = pd.DataFrame(
        {"person_id": [*on_roll], "school_identifier": [*(numbers or (each.zfill(6) for each in on_roll))]},
        dtype="str",
    )
    nothing = pd.DataFrame(columns=list(FINDING_COLUMNS), dtype="str")
    files.save(EXTRACTED, {}, counts={})
    files.save(
        VALIDATED, {"roll": roll, "findings": nothing}, counts=dict.fromkeys(("extracted", "accepted"), len(on_roll))
    )
    document = {"counts": {}, "no_leaver_check": None, "changes": list(changes), "unchanged": []}
    departing = {"of year 11": 1} if changes and changes[0]["kind"] == "disable" else {}
    files.save(
        planned(reasons=("Too many leave.",), departure_reasons=("Too many leave.",), departing=departing),
        {"plan": document, "findings": nothing},
        counts=Counter(str(each["kind"]) for each in changes),
    )
    return files


def change(kind: Kind, person_id: str) -> dict[str, Any]:
    account_id = None if kind == "create" else f"account-{person_id}"
    own = {"school_identifier": person_id.zfill(6), "account_id": account_id, "cause": "not on roll"}
    leaver = kind == "disable"
    values = {"active": False} if leaver else {"name.familyName": "Marchbanks", "freeSchoolMeals": True}
    account = {"name": {"givenName": "Zebedee", "familyName": "Quillfeather"}, "externalId": person_id}
    group = {"group": "of year 11"} if leaver else {}
    shown = {"attributes": sorted(values), "values": values, "account": account, **group}
    return {"kind": kind, "person_id": int(person_id), **own, **shown}


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_the_page_of_a_run_that_waits_begins_with_who_would_leave(pages: Pages, waiting: RunFiles, user: str) -> None:
    page = pages.get(f"dags/{ITS_DAG}/runs/waits", user).text
    told = words(page)
    assert "Who would leave 1" in told
    assert "1 of year 11." in told
    assert "Without an answer it lapses at" in told
    assert page.index('id="departures"') < page.index('class="stages"')
    section = words(page.split('id="departures"')[1].split("</section>")[0])
    assert ("Zebedee Quillfeather of year 11" in section) == (user == EDITOR)
    assert ("Names and groups are shown to those" in section) == (user == READER)
    answer = pages.get(f"dags/{ITS_DAG}/runs/waits/departures.csv", user)
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    own = {"name": "Zebedee Quillfeather", "group": "of year 11", "account_id": f"account-{GONE}"}
    assert row == {
        "change": "Disable",
        "person_id": GONE,
        "school_identifier": "002447",
        **(own if user == EDITOR else {}),
        "cause": "not on roll",
    }


def test_a_run_that_waits_for_nobody_does_not_begin_with_who_left(pages: Pages) -> None:
    save_run(pages, "last-night", change("disable", GONE))
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    assert "Who would leave" not in pages.get(f"dags/{ITS_DAG}/runs/last-night").text


def test_what_a_run_would_change_is_shown_with_old_and_new_value_to_who_may_see_values(
    pages: Pages, waiting: RunFiles
) -> None:
    told = student(pages, STAYS, "waits")
    assert "What this run would change Value In the account From SIMS" in told
    assert "Surname Quillfeather Marchbanks" in told
    assert "Free school meals no yes" in told
    reader = student(pages, STAYS, "waits", READER)
    assert "would change" not in reader
    assert "Marchbanks" not in reader


@pytest.fixture
def waiting(pages: Pages) -> RunFiles:
    """A run that waits for an approval of two departures and a change."""
    files = save_run(pages, "waits", change("disable", GONE), change("update", STAYS))
    files.record_question(files.open(PlanFacts), datetime.now(UTC) + timedelta(hours=8))
    return files


def save_results(files: RunFiles, facts: type[LoadFacts | DisableLeaversFacts], *became: dict[str, Any]) -> None:
    """What became of changes of the plan."""
    results = [{"kind": "update", "school_identifier": None, "code": None, "detail": None, **each} for each in became]
    files.save(facts(approved=REFERENCE), {"results": results}, counts={})


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_what_the_directory_said_of_an_account_that_it_did_not_disable_stands_beside_it_in_the_plan(
    pages: Pages, user: str
) -> None:
    files = save_run(pages, "last-night", change("disable", GONE))
    refused = {"kind": "disable", "person_id": int(GONE), "account_id": f"account-{GONE}", "result": "rejected"}
    own = {"code": "rejected_by_directory", "detail": "status 403", "prose": "Zebedee may not be touched"}
    save_results(files, DisableLeaversFacts, {**refused, **own})
    write_report(pages.root, "green-abbey", "last-night", outcome="failed", ended=LAST_NIGHT)
    told = words(pages.get(f"dags/{ITS_DAG}/runs/last-night", user).text.split('id="changes"')[1])
    assert "refused status 403" in told
    assert ("Zebedee may not be touched" in told) == (user == EDITOR)
    assert "not disabled" in student(pages, GONE, user=user)


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_a_run_that_waits_with_its_departures_tells_what_it_has_written(pages: Pages, user: str) -> None:
    files = save_run(
        pages,
        "waits",
        change("disable", GONE),
        change("create", STAYS),
        change("create", "102"),
        on_roll=(STAYS, "102"),
    )
    done = {"kind": "create", "person_id": int(STAYS), "account_id": "new", "result": "done"}
    refused = {"kind": "create", "person_id": 102, "account_id": None, "result": "rejected"}
    save_results(files, LoadFacts, done, {**refused, "code": "rejected_by_directory", "detail": "status 400"})
    files.record_question(files.open(PlanFacts), datetime.now(UTC) + timedelta(hours=8), stage="approve_leavers")
    told = words(pages.get(f"dags/{ITS_DAG}/runs/waits", user).text)
    assert "Where the records went" in told
    assert "2 validated 1 created 1 rejected" in told
    assert "Records to fix 1" in told
    assert "rejected_by_directory" in told
    assert "account created" in student(pages, STAYS, "waits", user)
    assert "it would be disabled by this run" in student(pages, GONE, "waits", user)


@pytest.mark.parametrize("outcome", ["held", "failed", "waits"])
def test_the_values_that_a_run_has_written_are_not_called_those_that_it_would_write(pages: Pages, outcome: str) -> None:
    files = save_run(pages, "waits", change("disable", GONE), change("update", STAYS))
    if outcome != "waits":
        write_report(pages.root, "green-abbey", "waits", outcome=outcome, ended=LAST_NIGHT, planned_only=False)
    assert "What this run would change" in student(pages, STAYS, "waits")
    save_results(files, LoadFacts, {"person_id": int(STAYS), "account_id": f"account-{STAYS}", "result": "done"})
    told = student(pages, STAYS, "waits")
    assert "What this run changed Value In the account From SIMS" in told
    assert "account updated" in told


def test_a_change_of_which_nobody_can_tell_is_called_that_on_the_page_of_the_run(pages: Pages) -> None:
    files = save_run(pages, "last-night", change("update", STAYS))
    files.save(ApproveFacts(plan=files.open(PlanFacts).reference, asked=False), {}, counts={})
    write_report(pages.root, "green-abbey", "last-night", outcome="failed", ended=LAST_NIGHT)
    page = words(pages.get(f"dags/{ITS_DAG}/runs/last-night").text)
    assert "not known whether it was written" in page.split("Attributes Result")[1]
    assert "it is not known whether it was written" in student(pages, STAYS)


def student(pages: Pages, person_id: str, run_id: str = "", user: str = EDITOR) -> str:
    query = f"?run={run_id}" if run_id else ""
    return words(pages.get(f"dags/{ITS_DAG}/students/{person_id}{query}", user).text)


@pytest.mark.parametrize("who", [GONE, "002447", "2447 "])
@pytest.mark.parametrize("user", [EDITOR, READER])
def test_a_person_whom_no_run_knows_any_more_is_found_in_the_register(pages: Pages, who: str, user: str) -> None:
    write_down(pages, LONG_AGO, "last-summer", ("disable", GONE, "account-of-gone", "Anna"))
    found = pages.post(f"dags/{ITS_DAG}/students", user, data={"who": who})
    assert found.status_code == 303
    assert found.headers["Location"].endswith(f"/students/{GONE}")
    told = student(pages, GONE, user=user)
    assert "No run that is kept knows this person any more" in told
    assert "Admission number 002447" in told
    assert "20 Jul 2025 01:30 UTC account disabled not on roll last-summer Anna" in told
    assert ("account-of-gone" in told) == (user == EDITOR)


@pytest.mark.parametrize(("who", "people"), [("002447", ["9001", "2447"]), ("2447", ["2447", "9001"])])
def test_a_leaver_with_that_admission_number_is_not_hidden_by_who_is_on_roll_with_that_person_id(
    pages: Pages, who: str, people: list[str]
) -> None:
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    save_run(pages, "last-night", on_roll=("2447",), numbers=("000077",))
    write_down(pages, LONG_AGO, "last-summer", ("disable", "9001", "a1", None), numbers={"9001": "002447"})
    answer = pages.post(f"dags/{ITS_DAG}/students", data={"who": who})
    assert answer.status_code == 200
    assert "2 students have this Person ID or admission number" in words(answer.text)
    assert re.findall(r">Person (\d+)<", answer.text) == people


def test_who_is_on_roll_and_in_the_register_is_one_person(pages: Pages) -> None:
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    save_run(pages, "last-night")
    write_down(pages, LONG_AGO, "last-summer", ("create", STAYS, "a1", None))
    for who in (STAYS, "000101"):
        assert pages.post(f"dags/{ITS_DAG}/students", data={"who": who}).status_code == 303


def test_what_was_done_is_told_beside_what_the_last_runs_did(pages: Pages) -> None:
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    save_run(pages, "last-night", change("update", STAYS))
    write_down(pages, LONG_AGO, "last-summer", ("create", STAYS, "a1", None))
    write_down(pages, LAST_NIGHT, "last-night", ("update", STAYS, "a1", None))
    told = student(pages, STAYS)
    assert "What the last runs did" in told
    assert "account updated values differ last-night within the limits" in told
    assert "account created on roll, no account last-summer within the limits" in told


def test_nobody_is_found_of_whom_neither_a_run_nor_the_register_knows(pages: Pages) -> None:
    write_down(pages, LONG_AGO, "last-summer", ("disable", GONE, "a1", None), ("disable", None, "a2", None))
    for who in ("999", "", "a2"):
        assert pages.post(f"dags/{ITS_DAG}/students", data={"who": who}).status_code == 404
    assert pages.get(f"dags/{ITS_DAG}/students/999").status_code == 404


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_from_a_run_that_waits_a_student_is_told_of_that_run(pages: Pages, waiting: RunFiles, user: str) -> None:
    """Though the run before it created the account."""
    save_run(pages, "last-night", change("create", GONE), on_roll=(STAYS, GONE))
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    told = student(pages, GONE, "waits", user)
    assert "would be disabled" in told
    assert "it would be disabled by this run, once a person approves its plan" in told
    assert "Waits for approval" in told
    assert "is on roll" not in told
    before = student(pages, GONE, user=user)
    assert "The student is on roll and had no account" in before
    assert "Waits for approval" not in before
    assert "it would be updated by this run, once a person approves its plan" in student(pages, STAYS, "waits", user)


def test_a_run_that_is_cleared_has_no_report_any_more_for_who_may_only_read_either(
    pages: Pages, waiting: RunFiles
) -> None:
    waiting.folder.write("report.redacted.json", b"{}")
    assert "Waits for approval" in pages.get(f"dags/{ITS_DAG}/runs/waits", READER).text
    assert "it would be disabled by this run" in student(pages, GONE, "waits", READER)


def test_a_run_that_was_asked_for_and_cannot_be_shown_is_named(pages: Pages, waiting: RunFiles) -> None:
    save_run(pages, "last-night", change("create", GONE), on_roll=(STAYS, GONE))
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT)
    told = student(pages, GONE, "last-year")
    assert (
        "The run last-year cannot be shown: it has no roll, or its files are gone. What follows is of another" in told
    )
    shutil.rmtree(pages.root / "green-abbey" / "waits")
    assert "The run waits cannot be shown" in student(pages, GONE, "waits")


def test_a_run_that_was_asked_for_is_shown_though_ten_others_came_after_it(pages: Pages) -> None:
    for number in range(12):
        ended = LAST_NIGHT - timedelta(days=number)
        kind: Kind = "create" if number == 11 else "update"
        save_run(pages, f"night-{number}", change(kind, STAYS))
        write_report(pages.root, "green-abbey", f"night-{number}", ended=ended)
    told = student(pages, STAYS, "night-11")
    assert "had no account" in told
    assert "cannot be shown" not in told


@pytest.mark.parametrize(
    ("own", "label"),
    [
        ({"partial": True, "only_person_ids": [int(STAYS)]}, "Some students alone"),
        ({"dry_run": True, "outcome": "failed"}, "Dry run, failed"),
    ],
)
def test_a_run_that_was_only_tried_is_called_so_on_the_page_of_a_student(
    pages: Pages, own: dict[str, Any], label: str
) -> None:
    save_run(pages, "last-night", change("update", STAYS))
    write_report(pages.root, "green-abbey", "last-night", ended=LAST_NIGHT, **own)
    page = pages.get(f"dags/{ITS_DAG}/students/{STAYS}").text
    assert f'<span class="tag quiet">{label}</span>' in page


def disabled(pages: Pages, user: str = EDITOR, query: str = "") -> str:
    return words(pages.get(f"dags/{ITS_DAG}/disabled{query}", user).text)


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_disabled_accounts_stand_on_one_page_with_since_when_why_run_and_approval(pages: Pages, user: str) -> None:
    write_down(pages, LONG_AGO, "last-summer", ("disable", GONE, "a1", "Anna"), ("disable", "7", "a7", "Anna"))
    write_down(pages, LONG_AGO, "unlinked", ("disable", None, "unlinked-account", None))
    write_down(pages, LAST_NIGHT, "last-night", ("unlink_role", STAYS, "a3", None), ("enable", "7", "a7", None))
    told = disabled(pages, user)
    assert "Disabled accounts 3" in told
    assert f"{GONE} 002447 account disabled 20 Jul 2025 01:30 UTC not on roll last-summer Anna" in told
    assert "role removed" in told
    assert " 7 000007 " not in told, "it was given back"
    assert ("unlinked-account" in told) == (user == EDITOR)
    assert "role removed" not in disabled(pages, user, "?disabled_show=disable").split("Approved by")[1]
    assert "Disabled accounts" in pages.get(f"dags/{ITS_DAG}", user).text


@pytest.mark.parametrize("user", [EDITOR, READER])
def test_disabled_accounts_can_be_downloaded(pages: Pages, user: str) -> None:
    write_down(pages, LONG_AGO, "last-summer", ("disable", GONE, "account-of-gone", "=Anna"))
    answer = pages.get(f"dags/{ITS_DAG}/disabled.csv", user)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="disabled-accounts-green-abbey.csv"' in answer.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    account = {"account": "account-of-gone"} if user == EDITOR else {}
    assert row == {
        "person_id": GONE,
        "school_identifier": "002447",
        "what": "account disabled",
        "since": "2025-07-20 01:30",
        "why": "not on roll",
        "run": "last-summer",
        "approved_by": "'=Anna",
        "known_to_be_done": "yes",
        **account,
    }


def test_a_month_of_the_register_that_cannot_be_read_is_named_on_the_pages(pages: Pages) -> None:
    write_down(pages, LONG_AGO, "last-summer", ("disable", GONE, "a1", "Anna"))
    Register(LocalFolder(pages.root), "green-abbey").folder.write("2025-08.parquet", b"torn")
    for told in (disabled(pages), student(pages, GONE)):
        assert "Not all of the register can be read: register/2025-08.parquet" in told
        assert "account disabled" in told
