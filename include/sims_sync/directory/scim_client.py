"""The client of a directory: it reads and writes accounts as the directory can, in bulk or alone (SPEC section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any
from urllib.parse import quote

import requests

from sims_sync.directory.discovery import SYNC_REPORT, Capabilities
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import memory_of
from sims_sync.directory.learnt import LADDER, Form, Learnt
from sims_sync.directory.listing import QueryRefused, TooManyAccounts, everybody, list_accounts
from sims_sync.directory.looking_up import LookUp
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.places import ENTRIES, Names
from sims_sync.directory.scim_answers import document
from sims_sync.directory.session import Endpoint, send
from sims_sync.directory.writes import Write, Written
from sims_sync.directory.writing import Writer
from sims_sync.model.errors import PermissionMissing, TransientFault, UnexpectedAnswer

MAX_LISTED = 768 * 2**20
"""What the accounts of one listing may take in memory, in bytes."""

_OF_A_LIST = dict.fromkeys(("totalResults", "startIndex", "itemsPerPage", "nextCursor"))
_NO_LIST = frozenset({400, 403, 404, 422, 500, 501})
"""Statuses that a parameter of the query may be the reason of."""


class Directory:
    """The accounts of one school's directory.

    :param capabilities: what it offers (``discovery.discover``).
    :param mapping: where our values stand in its accounts.
    :param learnt: what is known from earlier runs; what is learnt while writing is added.
    """

    def __init__(
        self, endpoint: Endpoint, capabilities: Capabilities, mapping: AccountMapping, learnt: Learnt | None = None
    ) -> None:
        self.capabilities = capabilities
        self.mapping = mapping
        self.learnt = learnt or Learnt(of="")
        self._endpoint = endpoint
        self.connection_name = endpoint.connection_name
        self._list_names: Names = {**_OF_A_LIST, "Resources": {ENTRIES: mapping.names}}
        self._listed = 0
        self._asked_for = {"attributes": mapping.asked_for} if capabilities.on_request else {}
        self._page_size = min(filter(None, (mapping.settings.page_size, capabilities.max_results)), default=None)
        self.look_up = LookUp(
            lambda: everybody(
                self._search,
                sorted_by_id=capabilities.sort,
                page_size=self._page_size,
                has_totals="totals" not in mapping.settings.without,
            )
        )

        self._writer = Writer(self)

    @property
    def base_url(self) -> str:
        """The SCIM base URL."""
        return self._endpoint.base_url

    @property
    def form(self) -> Form:
        """The highest form of writing that the directory takes, as far as it is known."""
        return max(self.learnt.form, self.capabilities.form, key=LADDER.index)

    def list_accounts(self) -> list[dict[str, Any]]:
        """All accounts with the marker, and all that are linked to a person."""
        return self.mapping.kept(self.list_everybody())

    def list_everybody(self) -> list[dict[str, Any]]:
        """All accounts, of whomever; where the school's settings let the server pick, those that concern us."""
        return list_accounts(
            self._search,
            self.mapping,
            sorted_by_id=self.capabilities.sort,
            page_size=self._page_size,
        )

    def read(self, account_id: str) -> dict[str, Any] | None:
        """An account as it is now, none when it is gone."""
        response = self.send("GET", f"/Users/{quote(account_id, safe='')}", params=self._asked_for)
        if response.status_code == requests.codes.not_found:
            return None
        return as_rfc(document(response, connection_name=self.connection_name), self.mapping.names)

    def find_by_user_name(self, user_name: str) -> dict[str, Any] | None:
        """The account that holds a user name (compared without case), none when nobody does."""
        return self.look_up.holder(user_name)

    def find(self, account_id: str | None, person_id: str, user_name: str) -> dict[str, Any] | None:
        """An account that was created: by its id, else by key or user name in a list that is read anew."""
        if account_id is not None and (account := self.read(account_id)) is not None:
            return account
        self.look_up.forget()
        linked = (each for each in self.look_up.those() if self.mapping.person_id(each) == person_id)
        return next(linked, None) or self.look_up.holder(user_name)

    def know_everybody(self) -> None:
        """List everybody, so that an account that a create makes of another one is noticed, and can be restored."""
        self.look_up.those()

    def has_email(self, emails: Collection[str]) -> bool:
        """Whether an account has one of these emails, in lower case."""
        return any(
            str(entry.get("value", "")).casefold() in emails
            for account in self.look_up.those()
            for entry in account.get("emails") or ()
            if isinstance(entry, dict)
        )

    def restore(self, account_id: str) -> bool:
        """Write an account back; see :meth:`~sims_sync.directory.writing.Writer.restore`."""
        return self._writer.restore(account_id)

    def send_report(self, report: dict[str, Any]) -> None:
        """Send a ``SyncReport`` to the endpoint that takes it."""
        message = {"schemas": [SYNC_REPORT], **report}
        response = self.send("POST", self.capabilities.sync_reports or "", message)
        document(response, connection_name=self.connection_name)

    def write(self, writes: Iterable[Write]) -> Iterator[Written]:
        """Write; see :meth:`~sims_sync.directory.writing.Writer.write`."""
        return self._writer.write(writes)

    def _search(self, query: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self.send("GET", "/Users", params={**query, **self._asked_for})
        except PermissionMissing as fault:
            raise QueryRefused(fault) from None
        except TransientFault as fault:
            if fault.status in _NO_LIST:
                raise QueryRefused(fault) from None
            raise
        self._listed = memory_of(response.content) + (self._listed if query.get("startIndex") != 1 else 0)
        if self._listed > MAX_LISTED:
            raise TooManyAccounts
        try:
            answer = document(response, connection_name=self.connection_name)
        except UnexpectedAnswer as fault:
            if response.status_code in _NO_LIST:
                raise QueryRefused(fault) from None
            raise
        return as_rfc(answer, self._list_names)

    def send(self, method: str, path: str, content: Any = None, **options: Any) -> requests.Response:
        """Send one request (``session.send``), to a path below the base URL."""
        url = f"{self._endpoint.base_url}{path}"
        return send(self._endpoint.session, method, url, connection_name=self.connection_name, body=content, **options)
