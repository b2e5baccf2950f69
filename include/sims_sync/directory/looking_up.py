"""Looking accounts up while others are written: who holds a user name, and whether one is still listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class LookUp:
    """Accounts by user name and by id, of a list of everybody that is read once, when somebody is first looked for.

    What others write after that is not seen: an account that is then written is looked at again by its version, and one
    that was removed counts as listed until the next try of the task.

    :param everybody: lists all accounts.
    """

    def __init__(self, everybody: Callable[[], list[dict[str, Any]]]) -> None:
        self._list = everybody
        self._by_name: dict[str, dict[str, Any]] = {}
        self._by_id: dict[str, dict[str, Any]] = {}
        self._listed = False

    def holder(self, user_name: str) -> dict[str, Any] | None:
        """The account that holds a user name (compared without case), none when nobody does.

        :raises TransientFault: the list does not add up.
        """
        self._list_everybody()
        return self._by_name.get(user_name.casefold())

    def is_listed(self, account_id: str) -> bool:
        """Whether the directory lists an account.

        :raises TransientFault: likewise.
        """
        self._list_everybody()
        return account_id in self._by_id

    def account(self, account_id: str) -> dict[str, Any] | None:
        """An account as it was listed or created, as far as that is known; nothing is asked."""
        return self._by_id.get(account_id)

    def those(self) -> Iterable[dict[str, Any]]:
        """All of them.

        :raises TransientFault: likewise.
        """
        self._list_everybody()
        return self._by_id.values()

    def forget(self) -> None:
        """Read the list again when somebody is next looked for; what is not in it then is not known any more."""
        self._listed = False

    def add(self, account: dict[str, Any]) -> None:
        """Add an account that was created: a list that was read before does not have it."""
        self._by_id[str(account["id"])] = account
        self._by_name[str(account.get("userName", "")).casefold()] = account

    def _list_everybody(self) -> None:
        if self._listed:
            return
        accounts = self._list()
        self._by_name.clear()
        self._by_id.clear()
        for account in accounts:
            self.add(account)
        self._listed = True
