"""What was learnt of a directory: shown on the school's page, and forgotten by ``airflow sims-sync forget`` (SPEC
section 3)."""

from __future__ import annotations

import re
from html import unescape

import pytest
from airflow.cli.cli_parser import get_parser
from invented_runs import write_config
from school_users import EDITOR, ITS_DAG, READER
from ui_client import Pages

from sims_sync.directory.learnt import Learnt
from sims_sync.runs.state import SchoolState
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder

HEADING = "What is known of the directory"
TELEPHONE = 'phoneNumbers[type eq "home"]'


@pytest.fixture
def state(pages: Pages) -> SchoolState:
    write_config(pages.config, [{"id": "green-abbey"}, {"id": "holme-court"}])
    state = SchoolState(LocalFolder(pages.root), "green-abbey")
    state.forget_directory()
    return state


def section(pages: Pages, user: str) -> str:
    """What a user reads in that section of the school's page; empty where there is none."""
    page = pages.get(f"dags/{ITS_DAG}", user).text
    _, heading, after = page.partition(HEADING)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", after.split("</section>", 1)[0]))) if heading else ""


def forget(school: str = "green-abbey") -> None:
    """Run the command, as it is called on a command line."""
    options = get_parser().parse_args(["sims-sync", "forget", school])
    options.func(options)


@pytest.mark.parametrize("user", [EDITOR, READER])
@pytest.mark.parametrize("learnt", [None, Learnt(of="x"), Learnt(of="x", kept={TELEPHONE: frozenset()})])
def test_where_nothing_is_known_there_is_no_section(
    pages: Pages, state: SchoolState, user: str, learnt: Learnt | None
) -> None:
    if learnt:
        state.save_learnt(learnt)
    assert section(pages, user) == ""


WORDS = {
    "It takes whole accounts alone": {"form": "put"},
    "Of a list it takes the whole": {"form": "attribute"},
    "one by one, not in bulk": {"bulk": False},
    "No account is created there": {"creates_badly": "it came back without `roles`"},
    "otherwise than they are written: Home telephone.": {"kept": {TELEPHONE: frozenset({"1a2b"})}},
}


@pytest.mark.parametrize("user", [EDITOR, READER])
@pytest.mark.parametrize("words", WORDS)
def test_what_is_known_is_told_in_words_with_the_command_that_has_it_forgotten(
    pages: Pages, state: SchoolState, user: str, words: str
) -> None:
    state.save_learnt(Learnt.model_validate({"of": "x", **WORDS[words]}))
    told = section(pages, user)
    assert words in told
    assert "airflow sims-sync forget green-abbey" in told
    assert "1a2b" not in told


def test_which_special_categories_it_does_not_keep_is_for_who_may_edit(pages: Pages, state: SchoolState) -> None:
    state.save_learnt(Learnt(of="x", not_kept=frozenset({"senInformation", "freeSchoolMeals"})))
    assert "Free school meals, SEN information" in section(pages, EDITOR)
    assert section(pages, READER) == "", "nor that there is something"


def test_which_records_were_made_one_account_is_not_told_there(pages: Pages, state: SchoolState) -> None:
    state.save_learnt(Learnt(of="x", bulk=False, shared={"2447": "3c4d"}))
    assert not any(each in section(pages, EDITOR) for each in ("2447", "3c4d"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"of": 1}', b'{"of": "x", "form": "telepathy"}'])
def test_a_state_that_cannot_be_read_is_told_and_the_page_opens(
    pages: Pages, state: SchoolState, content: bytes
) -> None:
    state.folder.write("directory.json", content)
    answer = pages.get(f"dags/{ITS_DAG}")
    assert answer.status_code == 200
    assert "directory.json of the state of green-abbey cannot be read" in unescape(answer.text)


def test_the_command_forgets_what_was_learnt_and_nothing_else(
    pages: Pages, state: SchoolState, capsys: pytest.CaptureFixture[str]
) -> None:
    other = SchoolState(state.root, "holme-court")
    for each in (state, other):
        each.save_learnt(Learnt(of="x", form="put"))
        each.save_disabled_accounts(["id1"])
    forget()
    assert "the next run tries it again" in capsys.readouterr().out
    assert state.last_learnt() is None
    assert state.disabled_accounts() == {"id1"}
    known = other.last_learnt()
    assert known
    assert known.form == "put"
    forget()
    assert "Nothing was known" in capsys.readouterr().out
    assert section(pages, EDITOR) == ""


def test_a_state_that_cannot_be_read_is_forgotten_too(
    pages: Pages, state: SchoolState, capsys: pytest.CaptureFixture[str]
) -> None:
    state.folder.write("directory.json", b"{")
    forget()
    assert "tries it again" in capsys.readouterr().out
    assert state.last_learnt() is None


def test_nothing_is_forgotten_while_a_run_writes_to_the_directory(pages: Pages, state: SchoolState) -> None:
    state.save_learnt(Learnt(of="x", form="put"))
    with hold_lease(state.folder, "directory", "night 9 (load)"), pytest.raises(SystemExit, match="night 9"):
        forget()
    assert state.last_learnt()


@pytest.mark.parametrize("school", ["nowhere", "", "../green-abbey", "green-abbey/state"])
def test_a_school_without_files_is_told_with_those_that_have_some(
    pages: Pages, state: SchoolState, school: str
) -> None:
    state.save_learnt(Learnt(of="x"))
    with pytest.raises(SystemExit, match=r"no folder of.*There are: .*green-abbey"):
        forget(school)
    assert state.last_learnt()
