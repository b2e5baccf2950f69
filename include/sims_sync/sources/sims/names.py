"""What a school's broker calls the roots, rows and elements of SIMS's documents (``sims.names``, SPEC section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from sims_sync.sources.sims.operations import ALIASES, OPERATIONS, SCHOOL, Names

_ALL = (SCHOOL, *OPERATIONS)
_SCOPES = {
    "the names of documents": tuple(each.root for each in _ALL),
    **{f"the rows of {each.name}": (*each.columns, *each.unread) for each in _ALL},
}
"""Within what a name means one thing, and the standard names there. What a row is called matters nowhere else."""

_STANDARD = {*(each.row for each in _ALL), *(name for names in _SCOPES.values() for name in names)}
_NAME = re.compile(r"[^\W\d][\w.-]*")


def wrong_names(names: Names) -> Iterator[str]:
    """What is wrong with further names, in words that say which.

    :param names: by the standard name.
    """
    for standard, others in names.items():
        if standard not in _STANDARD:
            near = get_close_matches(standard, _STANDARD, n=1)
            yield f"SIMS has no name `{standard}`" + (f"; did you mean `{near[0]}`?" if near else "")
        for other in others:
            if not _NAME.fullmatch(other):
                yield f"`{standard}`: `{other}` is no name of an XML element"
            elif other == standard:
                yield f"`{standard}`: `{other}` is the standard name, which always counts"
    for where, standards in _SCOPES.items():
        yield from _with_two_meanings(names, where, standards)


def _with_two_meanings(names: Names, where: str, standards: tuple[str, ...]) -> Iterator[str]:
    meanings = {name: standard for standard in standards for name in (standard, *ALIASES.get(standard, ()))}
    for standard in standards:
        for other in names.get(standard, ()):
            if (meant := meanings.setdefault(other, standard)) != standard:
                yield f"`{standard}`: `{other}` means `{meant}` in {where} already"
