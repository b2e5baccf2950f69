"""The page of a school's disabled accounts: since when, why, in which run, approved by whom; from the register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.runs.register import Entry, Register
from sims_sync.runs.spreadsheet import as_csv
from sims_sync.store.folder import Folder
from sims_sync.ui.tables import Table, table
from sims_sync.ui.words import DONE

_HEADING = ("person_id", "school_identifier", "what", "since", "why", "run", "approved_by", "known_to_be_done")


@dataclass(frozen=True)
class DisabledPage:
    """What the page shows.

    :param missing: the files of the register that cannot be read.
    """

    table: Table[Entry]
    missing: Sequence[str]


def disabled_page(root: Folder, school: School, parameters: Mapping[str, str], *, may_edit: bool) -> DisabledPage:
    """What the page shows.

    :param parameters: the request's query.
    :param may_edit: whether the user may edit the school's DAG.
    """
    entries, missing = _disabled(root, school, may_edit=may_edit)
    columns = ("person_id", "school_identifier", "kind", "at", "cause", "run_id", "approved_by")
    return DisabledPage(table("disabled", entries, parameters, filter_by="kind", columns=columns), missing)


def disabled_csv(root: Folder, school: School, *, may_edit: bool) -> bytes:
    """The same as a file for a spreadsheet; those who may edit the DAG get the accounts' ids, too."""
    entries, _ = _disabled(root, school, may_edit=may_edit)
    zone = ZoneInfo(school.timezone)
    rows = [
        (
            each.person_id,
            each.school_identifier,
            DONE[each.kind].words,
            f"{each.at.astimezone(zone):%Y-%m-%d %H:%M}",
            each.cause,
            each.run_id,
            each.approved_by,
            "yes" if each.done else "no",
            *((each.account_id,) if may_edit else ()),
        )
        for each in entries
    ]
    return as_csv((*_HEADING, *(("account",) if may_edit else ())), rows)


def _disabled(root: Folder, school: School, *, may_edit: bool) -> tuple[list[Entry], list[str]]:
    register = Register(root, school.id)
    entries = register.disabled()
    return [each if may_edit else replace(each, account_id=None) for each in entries], register.unreadable
