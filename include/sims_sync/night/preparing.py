"""From the source to accounts as they should be: the stages ``extract``, ``validate`` and ``transform``, which need no
directory."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from sims_sync.changes.withholding import Withholding
from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.model.person import order
from sims_sync.night import empty_rolls
from sims_sync.night.run import Paused, Run, Skipped
from sims_sync.night.withheld import withholding
from sims_sync.runs.documents import (
    ExtractFacts,
    Reference,
    TransformFacts,
    ValidateFacts,
)
from sims_sync.runs.files import RAW, packed_document
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.withheld_values import WITHHELD
from sims_sync.sources import source as sources
from sims_sync.store.lease import hold_lease
from sims_sync.students.identity import people_on_roll, with_forename
from sims_sync.students.validation import validate as validate_tables
from sims_sync.students.wanted import accounts_as_they_should_be

log = logging.getLogger(__name__)

_SPOILT = "invalid_characters"
"""The file that tells of whose rows characters were dropped."""


def extract(run: Run) -> Reference:
    """Fetch the roll, with no other call to this school's source at the same time.

    :raises Skipped: the school has no platform module enabled.
    :raises PermanentFault: a parameter of the run is wrong.
    :raises Paused: nothing is to happen on this date.
    """
    school, effective_date = run.school, run.parameters.effective_date
    if not school.synchronised:
        raise Skipped(f"{school.name} has no platform module enabled (`modules` is empty).")
    if run.parameters.fault is not None:
        raise run.parameters.fault
    if (pause := school.paused_on(effective_date, "all")) and not run.parameters.dry_run:
        raise Paused(pause.why)
    may_be_empty = empty_rolls.may_be_empty(run)
    with hold_lease(run.state.folder, "sims", f"{run.run_id} (extract)"):
        extracted_at = datetime.now(UTC)
        extracted = _extracted(run, may_be_empty=may_be_empty)
    left_out = sum(rows for name, rows in extracted.left_out.items() if name not in sources.SPECIAL)
    if left_out:
        log.info("%d rows of people who are not on roll were left out", left_out)
    raw = {f"{name}{RAW}": packed_document(content) for name, content in extracted.documents.items()}
    return run.files.save(
        ExtractFacts(effective_date=effective_date, extracted_at=extracted_at),
        {**raw, **extracted.tables, _SPOILT: extracted.spoilt, empty_rolls.CAME: extracted.came},
        counts={
            **{name: rows for name, rows in extracted.rows.items() if name not in sources.SPECIAL},
            "left_out": left_out,
        },
    )


def _extracted(run: Run, *, may_be_empty: bool) -> sources.Extract:
    """The roll. A document that cannot be read is kept, so that somebody can look at it.

    :raises SyncError: it cannot be had.
    """
    try:
        return sources.extract(run.source, run.parameters.effective_date, run.choice, may_be_empty=may_be_empty)
    except UnexpectedAnswer as fault:
        if fault.document is None:
            raise
        kept = run.files.keep_document(*fault.document)
        raise UnexpectedAnswer(
            fault.message, advice=f"{fault.advice} The document is kept: {kept} in the run's folder of the store."
        ) from None


def validate(run: Run, extracted: Reference | None) -> Reference:
    """Tell the records that can be imported from those that cannot."""
    source = run.files.open(ExtractFacts, extracted)
    tables = tables_of(source)
    tables["students"] = with_forename(tables["students"], run.school.forename)
    only = run.parameters.only_person_ids
    validation = validate_tables(
        tables,
        spoilt=source.table(_SPOILT) if f"{_SPOILT}.parquet" in source.files else None,
        only_person_ids=only,
    )
    codes = Counter(map(str, told_to_all(run, validation.findings)["code"]))
    return run.files.save(
        ValidateFacts(
            **source.facts.model_dump(),
            no_leaver_check=_no_leaver_check(run, codes),
            only_person_ids=None if only is None else tuple(sorted(only, key=order)),
        ),
        {
            "students": validation.students,
            "roll": validation.roll,
            "roll_emails": validation.roll_emails,
            "findings": validation.findings,
        },
        counts={"extracted": len(validation.roll), "accepted": len(validation.students), **codes},
    )


def transform(run: Run, validated: Reference | None) -> Reference:
    """Make the accounts as they should be, as far as the source tells."""
    validation = run.files.open(ValidateFacts, validated)
    transformation = accounts_as_they_should_be(
        validation.table("students"),
        tables_of(run.files.open(ExtractFacts)),
        effective_date=validation.facts.effective_date,
        username_policy=run.school.username,
        attributes=run.attributes,
        unknown=run.source.cannot_know | run.choice.unknown,
        withheld=run.school.withheld(),
    )
    return run.files.save(
        TransformFacts(**validation.facts.model_dump(), off=tuple(sorted(run.school.unsent))),
        {
            "accounts": transformation.accounts,
            "choices": transformation.choices,
            "findings": transformation.findings,
            **withheld_entries(withholding(run), transformation.accounts),
        },
        counts={"accounts": len(transformation.accounts), "warnings": len(told_to_all(run, transformation.findings))},
    )


def withheld_entries(withheld: Withholding, accounts: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The document of what is withheld of these students, where something is."""
    entries = withheld.as_document(accounts["person_id"])
    return {WITHHELD: entries} if entries else {}


def told_to_all(run: Run, findings: pd.DataFrame) -> pd.DataFrame:
    """The findings that who may only read is told: those about special categories alone are not counted, either."""
    return findings[~findings["detail"].isin([attribute.label for attribute in run.attributes if attribute.special])]


def on_roll(run: Run) -> pd.DataFrame:
    """Everybody on the roll that was fetched, whomever the run is for, as far as an account is recognised as theirs."""
    return people_on_roll(run.files.open(ExtractFacts).table("students"))


def tables_of(extracted: StageOutput[ExtractFacts]) -> dict[str, pd.DataFrame]:
    return {name: extracted.table(name) for name in sources.TABLES}


def _no_leaver_check(run: Run, codes: dict[str, int]) -> str | None:
    """Why nobody is disabled in this run, if so."""
    if run.parameters.only_person_ids is not None:
        return "the run is for some Person IDs only."
    if codes.get("no_person_id"):
        return f"{codes['no_person_id']} student(s) came without a valid Person ID: nobody can tell who they are."
    pause = run.school.paused_on(run.parameters.effective_date, "leavers")
    return pause.why if pause else empty_rolls.no_leaver_check(run)
