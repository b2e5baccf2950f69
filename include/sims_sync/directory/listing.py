"""Reading accounts: the whole list in pages, one account, the holder of a user name (RFC 7644 section 3.4)."""

from __future__ import annotations

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
"""Answers the query of ``GET /Users`` by a ListResponse."""


def list_accounts(search: Search, *, filtered: bool, sorted_by_id: bool) -> list[dict[str, Any]]:
    """All accounts that concern us, each once, whatever the size of the server's pages.

    :param filtered: whether the server filters; else the full list is filtered here.
    :param sorted_by_id: whether the server sorts, which keeps its pages apart while others write.
    :raises TransientFault: the list does not add up, three times: others write meanwhile.
    """
    query: dict[str, Any] = {"count": _PAGE_SIZE}
    if filtered:
        query["filter"] = STUDENTS_AND_LINKED
    if sorted_by_id:
        query["sortBy"] = "id"
    for _ in range(_TRIES):
        accounts, total = _pages(search, query)
        if len(accounts) == total:
            return [account for account in accounts.values() if filtered or _concerns_us(account)]
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
