"""Reading accounts: the whole list, in pages (RFC 7644 section 3.4)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sized
from typing import Any

from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.errors import SyncError, TransientFault, UnexpectedAnswer

log = logging.getLogger(__name__)

MAX_ACCOUNTS = 200_000
"""The most accounts of a listing: those of one school, with its staff and contacts."""

LISTING_SECONDS = 1800.0
"""How long a listing may take, with all its tries."""

_PAGE_SIZE = 1000
_TRIES = 3

Search = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers the query of ``GET /Users`` by a ListResponse, or raises :class:`QueryRefused`."""


class QueryRefused(Exception):
    """The server answers no list to this query; without some of it, it may.

    :param fault: what its answer means where nothing can be left out.
    """

    def __init__(self, fault: SyncError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class TooManyAccounts(UnexpectedAnswer):
    """A listing is larger than that of any school, or has no end."""

    def __init__(self) -> None:
        super().__init__(
            f"The directory lists more accounts than are read: at most {MAX_ACCOUNTS:,}, of no more than usual size.",
            advice="Is the connection that of one school's directory? If so, ask the directory's support.",
        )


def list_accounts(
    search: Search, mapping: AccountMapping, *, sorted_by_id: bool, page_size: int | None = None
) -> list[dict[str, Any]]:
    """All accounts, each once: everybody is listed and the caller picks, since many servers answer a filter that they
    do not know with an empty list (SPEC section 3). Where the school's settings say so, the server picks those that
    concern us.

    :param sorted_by_id: whether the server sorts, which keeps its pages apart while others write.
    :param page_size: the most accounts of a page, where the server says so.
    :raises TransientFault: the list does not add up, each time that it is read: others write meanwhile, say.
    """
    return everybody(
        search,
        sorted_by_id=sorted_by_id,
        page_size=page_size,
        condition=mapping.condition if mapping.settings.filter else None,
        has_totals="totals" not in mapping.settings.without,
    )


def everybody(
    search: Search,
    *,
    sorted_by_id: bool,
    page_size: int | None = None,
    condition: str | None = None,
    has_totals: bool = True,
) -> list[dict[str, Any]]:
    """All accounts, each once, whatever the size of the server's pages, and whichever parameters it takes.

    :param condition: a filter that the server knows.
    :param has_totals: whether its totals tell how many accounts it lists.
    :raises TransientFault: likewise, or the listing takes too long.
    :raises TooManyAccounts: there are more than any school has.
    :raises SyncError: the server answers no list, whatever is left out of the query.
    """
    search = _in_time(search if has_totals else _without_totals(search))
    parts: list[tuple[str, Any]] = [
        *([("filter", condition)] if condition else []),
        *([("sortBy", "id")] if sorted_by_id else []),
        ("count", min(page_size or _PAGE_SIZE, _PAGE_SIZE)),
    ]
    queries = [dict(parts[left_out:]) for left_out in range(len(parts) + 1)]
    for query, shorter in zip(queries, [*queries[1:], None], strict=True):
        try:
            return _added_up(search, query)
        except QueryRefused as refused:
            if shorter is None:
                raise refused.fault from None
            log.warning("The directory refuses %s: listing without", ", ".join(query.keys() - shorter.keys()))
    raise AssertionError("the last query either answers or raises")


def _added_up(search: Search, query: dict[str, Any]) -> list[dict[str, Any]]:
    for _ in range(_TRIES):
        accounts = _pages(search, query)
        if accounts is not None:
            return list(accounts.values())
        log.warning("The directory's list of accounts does not add up: listing again")
    raise TransientFault(
        "The directory's list of accounts does not add up: it holds fewer than it says, or moves.",
        advice="Somebody else may be writing to it; if it stays so, ask the directory's support.",
    )


def _pages(search: Search, query: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
    """The accounts of all pages by id, none where the pages do not make one list.

    Each page is asked for from the last account of the one before. So it shows when others moved the list in between,
    even if it is as long as before; and the last page shows whether there are more accounts than the server says. A
    list that was read to its empty end is whole, even if the server says that there are fewer.
    """
    accounts: dict[str, dict[str, Any]] = {}
    totals: set[int] = set()
    first = search({**query, "startIndex": 1})
    page = _accounts_of(first, totals)
    if isinstance(first.get("nextCursor"), str):
        return _by_cursor(search, query, first, page, totals)
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
    return accounts if _is_whole(accounts, totals) else None


def _is_whole(accounts: Sized, totals: set[int]) -> bool:
    """Whether all pages name one total, and there are as many accounts, or more."""
    return len(totals) == 1 and max(totals) <= len(accounts)


def _by_cursor(
    search: Search, query: dict[str, Any], answer: dict[str, Any], page: dict[str, dict[str, Any]], totals: set[int]
) -> dict[str, dict[str, Any]] | None:
    """The accounts of a server that gives a cursor for the next page (RFC 9865); a page may be empty, and the last one
    without a total."""
    accounts = dict(page)
    while isinstance(cursor := answer.get("nextCursor"), str) and cursor:
        answer = {"nextCursor": None, **search({**query, "cursor": cursor})}
        page = _accounts_of(answer, totals)
        if page and not page.keys() - accounts.keys():
            break
        accounts.update(page)
        if len(accounts) > MAX_ACCOUNTS:
            raise TooManyAccounts
    return accounts if max(totals, default=0) <= len(accounts) else None


def _without_totals(search: Search) -> Search:
    """The same search of a server whose totals tell nothing: a list is whole when it is read to its end."""
    return lambda query: {**search(query), "totalResults": 0}


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
    return _accounts_of(search({**query, "startIndex": start}), totals)


def _accounts_of(answer: dict[str, Any], totals: set[int]) -> dict[str, dict[str, Any]]:
    total, resources = answer.get("totalResults"), answer.get("Resources") or []
    if total is None and "nextCursor" in answer:  # its cursor tells where the list ends
        total = 0
    if not isinstance(total, int) or not isinstance(resources, list):
        raise UnexpectedAnswer("The directory answered no list of accounts.")
    if not all(isinstance(each, dict) and each.get("id") for each in resources):
        raise UnexpectedAnswer("The directory answered no list of accounts.")
    totals.add(total)
    return {str(each["id"]): each for each in resources}
