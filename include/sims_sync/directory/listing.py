"""Reading accounts: the whole list in pages, one account, the holder of a user name (RFC 7644 section 3.4)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from sims_sync.directory.accounts import person_id
from sims_sync.directory.attributes import STUDENT_ROLE
from sims_sync.errors import TransientFault, UnexpectedAnswer

log = logging.getLogger(__name__)

STUDENTS_AND_LINKED = f'roles[value eq "{STUDENT_ROLE}"] or externalId pr'
"""The accounts that concern us: students', and those that are linked to a person. (``roles.value`` is compared without
case, RFC 7643 section 8.7.1.)"""

_PAGE_SIZE = 1000
_TRIES = 3

Search = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers the query of ``GET /Users`` by a ListResponse, or raises :class:`FilterRefused`."""


class FilterRefused(Exception):
    """The server has filters, but does not take this one (RFC 7644 section 3.12, ``invalidFilter``)."""


def list_accounts(search: Search, *, filtered: bool, sorted_by_id: bool) -> list[dict[str, Any]]:
    """All accounts that concern us, each once, whatever the size of the server's pages.

    :param filtered: whether the server filters; else the full list is filtered here.
    :param sorted_by_id: whether the server sorts, which keeps its pages apart while others write.
    :raises TransientFault: the list does not add up, three times: others write meanwhile.
    """
    accounts = _found(search, STUDENTS_AND_LINKED if filtered else None, sorted_by_id=sorted_by_id)
    return [account for account in accounts if _concerns_us(account)]


def find_by_user_name(search: Search, user_name: str, *, filtered: bool, sorted_by_id: bool) -> dict[str, Any] | None:
    """The account that holds a user name (compared without case), none when nobody does.

    :param filtered: as for :func:`list_accounts`. :param sorted_by_id: likewise.
    :raises TransientFault: likewise.
    """
    by_name = f"userName eq {json.dumps(user_name, ensure_ascii=False)}"
    accounts = _found(search, by_name if filtered else None, sorted_by_id=sorted_by_id)
    wanted = user_name.casefold()
    return next((each for each in accounts if str(each.get("userName", "")).casefold() == wanted), None)


def _found(search: Search, condition: str | None, *, sorted_by_id: bool) -> list[dict[str, Any]]:
    """The accounts that a filter names, or everybody's where the server does not take it."""
    query: dict[str, Any] = {"count": _PAGE_SIZE}
    if sorted_by_id:
        query["sortBy"] = "id"
    if condition is not None:
        try:
            return _whole(search, {**query, "filter": condition})
        except FilterRefused:
            log.warning("The directory has filters, but refuses ours: listing all accounts")
    return _whole(search, query)


def _whole(search: Search, query: dict[str, Any]) -> list[dict[str, Any]]:
    for _ in range(_TRIES):
        accounts, total = _pages(search, query)
        if len(accounts) == total:
            return list(accounts.values())
        log.warning("The directory says that it lists %d accounts, and listed %d: listing again", total, len(accounts))
    raise TransientFault(
        "The directory's list of accounts does not add up: it names more or fewer than it says.",
        advice="Somebody else may be writing to it; if it stays so, ask the directory's support.",
    )


def _pages(search: Search, query: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], int]:
    accounts: dict[str, dict[str, Any]] = {}
    start = 1
    while True:
        page = search({**query, "startIndex": start})
        total, resources = page.get("totalResults"), page.get("Resources") or []
        if not isinstance(total, int) or not all(isinstance(each, dict) and each.get("id") for each in resources):
            raise UnexpectedAnswer("The directory answered no list of accounts.")
        accounts.update((str(each["id"]), each) for each in resources)
        start += len(resources)
        if not resources or start > total:
            return accounts, total


def _concerns_us(account: dict[str, Any]) -> bool:
    roles = account.get("roles") or ()
    return person_id(account) is not None or any(
        str(role.get("value", "")).casefold() == STUDENT_ROLE for role in roles
    )
