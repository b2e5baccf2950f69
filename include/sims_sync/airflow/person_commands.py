"""``airflow sims-sync access`` and ``erase``: what is held of one person, and how it is erased (SPEC section 9)."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sims_sync.airflow.configured import configured_store
from sims_sync.config.schools_file import ConfigError, load_schools
from sims_sync.runs.retention import school_ids
from sims_sync.runs.subject_access import Busy, Held, PartDocument, Stored
from sims_sync.sources.sims.parting import rows_of_person
from sims_sync.sources.sims.sims_source import Sims

_ELSEWHERE = (
    "Not in here: the account in the school's directory, what SIMS holds, backups of the store, and Airflow's logs and "
    "database and mails, in which a person is a Person ID."
)
_COMES_BACK = (
    "Whoever is still on roll in SIMS comes back with the next night: correct SIMS first. The account in the "
    "directory, backups, Airflow's logs and mails were not touched (docs/privacy.md)."
)


def access(options: Namespace) -> None:
    """Give out what is held of one person, as JSON."""
    person_id, schools = _asked(options)
    held = {school.school_id: school.held_of(person_id) for school in schools}
    document = {
        "person_id": person_id,
        "asked_at": datetime.now(UTC).isoformat(),
        "schools": {
            school_id: {"files": each.files, "unreadable": each.unreadable} for school_id, each in held.items()
        },
        "elsewhere": _ELSEWHERE,
    }
    content = json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n"
    if options.output is None:
        sys.stdout.write(content)
    else:
        _write_private(Path(options.output), content)
    _say_what_is_left(held, of_erasure=False)
    if not any(each.files for each in held.values()):
        _say("Nothing is held of this person.")


def erase(options: Namespace) -> None:
    """Take one person out of all files, once it is confirmed.

    :raises SystemExit: it was not confirmed, or a school could not be done; the others were.
    """
    person_id, schools = _asked(options)
    held = {school.school_id: school.held_of(person_id) for school in schools}
    _say_found(held, "would be rewritten" if options.dry_run else "are to be rewritten")
    if options.dry_run or not any(each.files for each in held.values()):
        _say_what_is_left(held, of_erasure=True)
        return
    if not options.yes and not _confirmed(person_id):
        raise SystemExit("Nothing was erased.")
    erased: dict[str, Held] = {}
    faults: list[str] = []
    for school in schools:
        if not held[school.school_id].files:
            continue
        try:
            erased[school.school_id] = school.erase(person_id)
        except Busy as busy:
            faults.append(f"{school.school_id}: nothing was erased. {busy} Wait for it to end, then try again.")
    _say_found(erased, "were rewritten")
    _say_what_is_left(erased, of_erasure=True)
    still = [school.school_id for school in schools if school.school_id in erased and school.held_of(person_id).files]
    faults += [
        f"{school_id}: a run wrote of this person meanwhile. Try again when it has ended." for school_id in still
    ]
    _say(_COMES_BACK)
    if faults:
        raise SystemExit("\n".join(faults))


def _asked(options: Namespace) -> tuple[str, list[Stored]]:
    """The person in the one spelling of a Person ID, and the schools that are asked about.

    :raises SystemExit: it is no Person ID, or there is no such school.
    """
    person_id = Sims.key.key(options.person_id)
    if person_id is None:
        raise SystemExit("That is no Person ID: it is digits alone.")
    if bool(options.school) == options.all_schools:
        raise SystemExit("Say which school with --school, or --all-schools.")
    root = configured_store()
    there = school_ids(root)
    if options.school and options.school not in there:
        raise SystemExit(f"The store has no folder of {options.school}. There are: {', '.join(there) or 'none'}.")
    wanted = there if options.all_schools else [options.school]
    return person_id, [Stored(root, school_id, Sims.key, _part_document(school_id)) for school_id in wanted]


def _part_document(school_id: str) -> PartDocument:
    """What parts SIMS's documents of a school, which may have names of its own."""
    try:
        school = load_schools()[0].get(school_id)
    except ConfigError as error:
        raise SystemExit(f"{error} It says what the documents of a school call a Person ID.") from None
    return partial(rows_of_person, names=school.sims.names) if school else rows_of_person


def _confirmed(person_id: str) -> bool:
    try:
        return input(f"This cannot be undone. Type {person_id} to erase: ").strip() == person_id
    except EOFError:
        return False


def _say_found(held: Mapping[str, Held], what: str) -> None:
    for school_id, each in held.items():
        entries = sum(map(len, each.files.values()))
        folders = len({path.partition("/")[0] for path in each.files})
        _say(f"{school_id}: {entries} entries of this person, in {len(each.files)} files of {folders} folders, {what}.")


def _say_what_is_left(held: Mapping[str, Held], *, of_erasure: bool) -> None:
    for school_id, each in held.items():
        for path in each.unreadable:
            _say(f"{school_id}/{path} cannot be looked into: nobody can tell whether it holds this person.")
        for run in each.unfinished if of_erasure else ():
            _say(
                f"{school_id}/{run} has no report. If that run goes on after an erasure, it stops at a changed file "
                "and says what to clear."
            )


def _write_private(path: Path, content: str) -> None:
    """:raises SystemExit: the file is there already, or cannot be written."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise SystemExit(f"{path} was not written: {error.strerror}.") from None


def _say(words: str) -> None:
    """What is for a person goes to standard error: standard output is the document's."""
    sys.stderr.write(f"{words}\n")
