"""Picks what is one person's out of a run's document of tens of thousands of entries, without making models of all."""

from __future__ import annotations

import re

import msgspec


class _Entry(msgspec.Struct):
    person_id: int | str | None = None


def of_person(content: bytes, person_id: str) -> bytes:
    """A JSON document in whose lists only the entries of one person are left.

    :param content: a list of entries, or an object with such lists. An entry is an object with ``person_id``, or the
        Person ID itself. What has another form is given back as it is: who reads it tells what is wrong with it.
    :param person_id: the key of the person.
    """
    try:
        if content.lstrip().startswith(b"["):
            return _picked(content, person_id)
        parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        return msgspec.json.encode({name: _part(part, person_id) for name, part in parts.items()})
    except (msgspec.MsgspecError, RecursionError):
        return content


def _part(part: msgspec.Raw, person_id: str) -> msgspec.Raw:
    is_list = memoryview(part)[:1].tobytes() == b"["
    return msgspec.Raw(_picked(part, person_id)) if is_list else part


def _picked(entries: bytes | msgspec.Raw, person_id: str) -> bytes:
    whose = msgspec.json.decode(entries, type=list[_Entry | int | str | None])
    keys = _written_as(person_id)
    places = [at for at, of in enumerate(whose) if (of.person_id if isinstance(of, _Entry) else of) in keys]
    if not places:
        return b"[]"
    each = msgspec.json.decode(entries, type=list[msgspec.Raw])
    return msgspec.json.encode([each[at] for at in places])


def _written_as(person_id: str) -> frozenset[int | str]:
    """How documents write a key: as a number where it is one."""
    is_number = re.fullmatch(r"0|[1-9]\d{0,17}", person_id, re.ASCII) is not None
    return frozenset({person_id, *([int(person_id)] if is_number else [])})
