"""What to send for a write, and what the answer to it means; nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import requests

from sims_sync.directory.bulk import Request
from sims_sync.directory.editing import (
    PATCH_SCHEMA,
    as_before,
    fit_to_put,
    merged,
    patch_operations,
    whole_operations,
)
from sims_sync.directory.learnt import Form
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.refusals import refusal
from sims_sync.model.errors import TransientFault


@dataclass(frozen=True)
class Create:
    """An account to create.

    :param key: names it in the results.
    :param resource: as it is sent.
    """

    key: str
    resource: dict[str, Any]

    @property
    def account_id(self) -> None:
        """It has none yet."""


@dataclass(frozen=True)
class AccountChange:
    """Values to write into an account.

    :param version: the account's version as it was seen, if the directory has versions.
    :param account: what the sync manages of the account, as it was seen.
    :param values: by attribute name; none clears.
    """

    key: str
    account_id: str
    version: str | None
    account: dict[str, Any]
    values: dict[str, Any]


Write = Create | AccountChange

Status = Literal["created", "changed", "shared", "conflict", "stale", "missing", "refused", "failed"]


@dataclass(frozen=True)
class Written:
    """What became of a write.

    :param status: ``created``, ``changed``; ``shared`` (a create made another's account of it), ``conflict`` (a unique
        value is taken), ``stale`` (the account is not what was seen), ``missing`` (it is gone), ``refused`` (the
        directory does not want the record), ``failed`` (for the server's reasons; whether it got through is not known).
    :param detail: why, in words of ours.
    :param prose: the directory's own words, which can name people.
    :param retry_after: seconds that the server asked to wait, if it did.
    :param unfit: the status that says that the server may not take this form of a write, where it does.
    :param is_fault: whether the answer was an error of the server's own (500).
    """

    key: str
    status: Status
    account_id: str | None = None
    detail: str | None = None
    prose: str | None = field(default=None, repr=False)
    retry_after: float | None = None
    unfit: int | None = None
    is_fault: bool = False


_STATUSES_OF_A_CREATE: dict[int, Status] = {409: "conflict"}
_STATUSES_OF_A_CHANGE: dict[int, Status] = {409: "conflict", 412: "stale"}
_TAKEN = "uniqueness"
"""The ``scimType`` of a value that another account has; some servers give it the status 400."""


_OF_A_FORM = ("invalidPath", "noTarget", "invalidSyntax")
"""The ``scimType`` of a form that the server cannot take; some give none."""
_UNFIT = (405, 501)
"""The statuses of a form that the server cannot take, whatever else they say."""


def request_for(
    change: AccountChange, account: dict[str, Any], mapping: AccountMapping, *, version: str | None, form: Form
) -> Request | None:
    """What to send to change an account; none where it holds the values already.

    :param account: the account as it is: whole for a PUT, as far as the sync manages it for a PATCH.
    :param version: to be sent with it, if the directory has versions.
    :param form: in which it is changed.
    """
    if form == "put":
        whole = fit_to_put(merged(account, change.values, mapping))
        return Request(change.key, "PUT", whole, change.account_id, version, form)
    operations = patch_operations(account, change.values, mapping, whole_lists=form == "attribute")
    body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
    return Request(change.key, "PATCH", body, change.account_id, version, form) if operations else None


def restoring(
    account_id: str, now: dict[str, Any], before: dict[str, Any], mapping: AccountMapping, *, form: Form
) -> Request:
    """What to send to make an account what it was.

    :param now: the whole account; ``before``: what it was.
    """
    after = as_before(now, before, mapping)
    if form == "put":
        return Request(account_id, "PUT", fit_to_put(after), account_id, form=form)
    operations = whole_operations(now, after, mapping)
    return Request(account_id, "PATCH", {"schemas": [PATCH_SCHEMA], "Operations": operations}, account_id, form=form)


def outcome(request: Request, status: int, answer: dict[str, Any], location: str, mapping: AccountMapping) -> Written:
    """What an answer to a write means.

    :param status: of the answer, 0 where it has none.
    :param answer: the account, or the error.
    :param location: the id of a new account, where the answer does not hold it.
    :param mapping: names the attributes that may be told of a refusal.
    """
    if 200 <= status < 300:
        if request.account_id is not None:
            return Written(request.key, "changed", request.account_id)
        return Written(request.key, "created", str(answer.get("id") or location) or None)
    said = refusal(status, answer, mapping)
    unfit = status if _tells_of_form(status, answer, request) else None
    if status == requests.codes.too_many_requests or status >= 500 or status == 0:
        return Written(request.key, "failed", request.account_id, said.told, said.prose, unfit=unfit)
    statuses = _STATUSES_OF_A_CREATE if request.account_id is None else _STATUSES_OF_A_CHANGE
    refused: Status = "conflict" if answer.get("scimType") == _TAKEN else "refused"
    return Written(request.key, statuses.get(status, refused), request.account_id, said.told, said.prose, unfit=unfit)


def failed(write: Write | Request, fault: TransientFault) -> Written:
    """A write whose answer did not come: whether it got through is not known."""
    unfit = fault.status if isinstance(write, Request) and _tells_of_form(fault.status or 0, {}, write) else None
    return Written(
        write.key,
        "failed",
        write.account_id,
        fault.message,
        retry_after=fault.retry_after,
        unfit=unfit,
        is_fault=fault.status == requests.codes.server_error,
    )


def _tells_of_form(status: int, answer: dict[str, Any], request: Request) -> bool:
    """Whether it is the form that is refused, not the record; a server that does not say which may mean a filter."""
    if status not in (requests.codes.bad_request, requests.codes.server_error):
        return status in _UNFIT
    scim_type = answer.get("scimType")
    paths = (str(each.get("path", "")) for each in request.data.get("Operations", ()))
    return scim_type in _OF_A_FORM if scim_type else any("[" in path for path in paths)
