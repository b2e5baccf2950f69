"""Reading accounts: the whole list, in pages (RFC 7644 section 3.4)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sims_sync.directory.mapping import ROLES, AccountMapping
from sims_sync.model.attributes import STUDENT_ROLE
from sims_sync.model.errors import TransientFault, UnexpectedAnswer

log = logging.getLogger(__name__)

STUDENTS_AND_LINKED = f'roles[value eq "{STUDENT_ROLE}"] or externalId pr'
"""The accounts that concern us: students', and those that are linked to a person. (``roles.value`` is compared without
case, RFC 7643 section 8.7.1.)"""

MAX_ACCOUNTS = 200_000
"""The most accounts of a listing: those of one school, with its staff and contacts."""

LISTING_SECONDS = 1800.0
"""How long a listing may take, with all its tries."""

_PAGE_SIZE = 1000
_TRIES = 3

Search = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers the query of ``GET /Users`` by a ListResponse, or raises :class:`FilterRefused`."""


class FilterRefused(Exception):
    """The server has filters, but does not take this one (RFC 7644 section 3.12, ``invalidFilter``)."""


class TooManyAccounts(UnexpectedAnswer):
    """A listing is larger than that of any school, or has no end."""

    def __init__(self) -> None:
        super().__init__(
            f"The directory lists more accounts than are read: at most {MAX_ACCOUNTS:,}, of no more than usual size.",
            advice="Is the connection that of one school's directory? If so, ask the directory's support.",
        )


def list_accounts(
    search: Search, mapping: AccountMapping, *, filtered: bool, sorted_by_id: bool
) -> list[dict[str, Any]]:
    """All accounts that concern us, each once, whatever the size of the server's pages.

    :param filtered: whether the server filters; else the full list is filtered here.
    :param sorted_by_id: whether the server sorts, which keeps its pages apart while others write.
    :raises TransientFault: the list does not add up, each time that it is read: others write meanwhile, say.
    """
    condition = STUDENTS_AND_LINKED if filtered else None
    try:
        accounts = accounts_where(search, condition, sorted_by_id=sorted_by_id)
    except FilterRefused:
        log.warning("The directory has filters, but refuses ours: listing all accounts")
        accounts = accounts_where(search, None, sorted_by_id=sorted_by_id)
    return [account for account in accounts if _concerns_us(account, mapping)]


def accounts_where(search: Search, condition: str | None, *, sorted_by_id: bool) -> list[dict[str, Any]]:
    """The accounts that a filter names, or everybody's.

    :param condition: the filter, none for everybody.
    :param sorted_by_id: as for :func:`list_accounts`.
    :raises TransientFault: likewise, or the listing takes too long.
    :raises TooManyAccounts: there are more than any school has.
    :raises FilterRefused: the server does not take the filter.
    """
    search = _in_time(search)
    query: dict[str, Any] = {"count": _PAGE_SIZE}
    if sorted_by_id:
        query["sortBy"] = "id"
    if condition is not None:
        query["filter"] = condition
    for _ in range(_TRIES):
        accounts = _pages(search, query)
        if accounts is not None:
            return list(accounts.values())
        log.warning("The directory's list of accounts does not add up: listing again")
    raise TransientFault(
        "The directory's list of accounts does not add up: it names more or fewer than it says, or moves.",
        advice="Somebody else may be writing to it; if it stays so, ask the directory's support.",
    )


def _pages(search: Search, query: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
    """The accounts of all pages by id, none where the pages do not make one list.

    Each page is asked for from the last account of the one before. So it shows when others moved the list in between,
    even if it is as long as before; and the last page shows whether there are more accounts than the server says.
    """
    accounts: dict[str, dict[str, Any]] = {}
    totals: set[int] = set()
    page = _page(search, query, 1, totals)
    while page.keys() - accounts.keys():
        accounts.update(page)
        if len(accounts) > MAX_ACCOUNTS:
            raise TooManyAccounts
        last = next(reversed(accounts))
        before, page = page, _page(search, query, len(accounts), totals)
        if list(page) in ([last], list(before)):  # the end, or a server that gives one account a page, or whole pages
            if totals == {len(accounts)}:
                break
            page = _page(search, query, len(accounts) + 1, totals)
        elif next(iter(page), None) != last:
            return None
    return accounts if totals == {len(accounts)} else None


def _in_time(search: Search) -> Search:
    """The same search, which ends when a listing has taken its time."""
    deadline = time.monotonic() + LISTING_SECONDS

    def within(query: dict[str, Any]) -> dict[str, Any]:
        if time.monotonic() > deadline:
            raise TransientFault(
                f"The directory's list of accounts was not whole within {LISTING_SECONDS / 60:.0f} minutes.",
                advice="Ask the directory's support why it is so slow.",
            )
        return search(query)

    return within


def _page(search: Search, query: dict[str, Any], start: int, totals: set[int]) -> dict[str, dict[str, Any]]:
    """The accounts of one page by id.

    :param totals: the server's total goes here.
    """
    answer = search({**query, "startIndex": start})
    total, resources = answer.get("totalResults"), answer.get("Resources") or []
    if not isinstance(total, int) or not isinstance(resources, list):
        raise UnexpectedAnswer("The directory answered no list of accounts.")
    if not all(isinstance(each, dict) and each.get("id") for each in resources):
        raise UnexpectedAnswer("The directory answered no list of accounts.")
    totals.add(total)
    return {str(each["id"]): each for each in resources}


def _concerns_us(account: dict[str, Any], mapping: AccountMapping) -> bool:
    return mapping.person_id(account) is not None or bool(mapping.places[ROLES].get(account))
