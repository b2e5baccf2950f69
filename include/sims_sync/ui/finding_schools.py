"""Which schools the page of all schools shows: what the query finds, cut into pages, so that it needs no script."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.ui.schools_page import STANDINGS, Line
from sims_sync.ui.tables import PAGE, page_of

NEEDS_US = "needs_us"
"""Filters for all standings that need somebody."""

_LONGEST = 100
"""Characters of a search; the longest name of a school has fewer."""


@dataclass(frozen=True)
class FoundSchools:
    """What is shown of all schools.

    :param lines: those of this page.
    :param total: all schools, and how many of them need somebody.
    :param found: how many pass all that was asked.
    :param states: how many schools stand so, of those that pass search and authority, by a key of ``STANDINGS`` or
        :data:`NEEDS_US`.
    :param authorities: how many schools each local authority has.
    :param asked: what was asked: ``q``, ``la``, ``state``; empty texts where nothing was.
    """

    lines: Sequence[Line]
    total: int
    needing: int
    found: int
    states: Mapping[str, int]
    authorities: Mapping[str, int]
    asked: Mapping[str, str]
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE))

    @property
    def is_filtered(self) -> bool:
        return any(self.asked.values())

    def link(self, **changes: str) -> str:
        """The query of this page with other parameters."""
        return f"?{urlencode({name: value for name, value in {**self.asked, **changes}.items() if value})}"


def find_schools(lines: Sequence[Line], parameters: Mapping[str, str]) -> FoundSchools:
    """The schools that the query asks for; parameters that ask for what there is not are ignored.

    :param lines: all schools, the most urgent first.
    """
    authorities = Counter(line.school.la for line in lines)
    query = " ".join(parameters.get("q", "")[:_LONGEST].split())
    la = parameters.get("la", "") if parameters.get("la", "") in authorities else ""
    wanted = _folded(query).split()
    searched = [line for line in lines if la in ("", line.school.la) and _has(line.school, wanted)]
    states = Counter(line.standing for line in searched)
    states[NEEDS_US] = sum(line.needs_us for line in searched)
    state = parameters.get("state", "") if parameters.get("state", "") in (NEEDS_US, *STANDINGS) else ""
    found = [line for line in searched if _stands(line, state)]
    page = page_of(parameters.get("page", ""), len(found))
    return FoundSchools(
        lines=found[(page - 1) * PAGE : page * PAGE],
        total=len(lines),
        needing=sum(line.needs_us for line in lines),
        found=len(found),
        states={name: states[name] for name in (NEEDS_US, *STANDINGS) if states[name] or name == state},
        authorities=dict(sorted(authorities.items())),
        asked={"q": query, "la": la, "state": state},
        page=page,
    )


def as_of(schools: Collection[School], now: datetime) -> str:
    """The time by the clocks of most schools, with its zone."""
    return f"{now.astimezone(ZoneInfo(zone_of(schools))):%H:%M %Z}"


def zone_of(schools: Collection[School]) -> str:
    """The time zone of most schools."""
    return max(Counter(school.timezone for school in schools).items(), key=lambda each: each[1], default=("UTC", 0))[0]


def _stands(line: Line, state: str) -> bool:
    return line.needs_us if state == NEEDS_US else state in ("", line.standing)


def _has(school: School, wanted: Collection[str]) -> bool:
    """Whether each word asked for is a part of what names the school."""
    named = _folded(f"{school.name} {school.id} {school.la}/{school.estab} {school.la}{school.estab}")
    return all(word in named for word in wanted)


def _folded(text: str) -> str:
    """Text without case, accents and apostrophes: `hilds` finds St Hild's."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in parted if not unicodedata.combining(each) and each not in "'\u2019`")
