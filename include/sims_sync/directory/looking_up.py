"""Looking accounts up while others are written: who holds a user name, and whether one is still listed."""

from __future__ import annotations

import json
import logging
from typing import Any

from sims_sync.directory.listing import FilterRefused, Search, accounts_where

log = logging.getLogger(__name__)

LOOK_UPS = 20
"""So many accounts are looked up one by one; then, or where the directory has no filter, everybody is listed, once."""


class LookUp:
    """Accounts by user name and by id.

    What others write after everybody was listed is not seen: an account that is then written is looked at again by its
    version, and one that was removed counts as listed until the next try of the task.

    :param filtered: whether the server filters.
    :param sorted_by_id: whether it sorts.
    """

    def __init__(self, search: Search, *, filtered: bool, sorted_by_id: bool) -> None:
        self._search = search
        self._sorted_by_id = sorted_by_id
        self._left = LOOK_UPS if filtered else 0
        self._by_name: dict[str, dict[str, Any]] = {}
        self._by_id: dict[str, dict[str, Any]] = {}
        self._everybody = False

    def holder(self, user_name: str) -> dict[str, Any] | None:
        """The account that holds a user name (compared without case), none when nobody does.

        :raises TransientFault: the list does not add up.
        """
        wanted = user_name.casefold()
        found = self._filtered("userName", user_name)
        if found is None:
            self._list_everybody()
            return self._by_name.get(wanted)
        return next((each for each in found if str(each.get("userName", "")).casefold() == wanted), None)

    def is_listed(self, account_id: str) -> bool:
        """Whether the directory lists an account.

        :raises TransientFault: likewise.
        """
        found = self._filtered("id", account_id)
        if found is None:
            self._list_everybody()
            return account_id in self._by_id
        return any(str(each["id"]) == account_id for each in found)

    def add(self, account: dict[str, Any]) -> None:
        """Add an account that was created: a list that was read before does not have it."""
        self._by_id[str(account["id"])] = account
        self._by_name[str(account.get("userName", "")).casefold()] = account

    def _filtered(self, attribute: str, value: str) -> list[dict[str, Any]] | None:
        """What the server finds, none where everybody is to be listed instead."""
        if self._left <= 0:
            return None
        self._left -= 1
        condition = f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"
        try:
            return accounts_where(self._search, condition, sorted_by_id=self._sorted_by_id)
        except FilterRefused:
            log.warning("The directory has filters, but refuses `%s eq`: listing all accounts", attribute)
            self._left = 0
            return None

    def _list_everybody(self) -> None:
        if self._everybody:
            return
        for account in accounts_where(self._search, None, sorted_by_id=self._sorted_by_id):
            self.add(account)
        self._everybody = True
