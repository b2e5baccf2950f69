"""The faults that end a task, typed at the edges so that a retry policy can tell them apart.

No message ever holds personal data: a person is a Person ID, a value is not quoted.
"""

from __future__ import annotations


class SyncError(Exception):
    """A fault that ends a task. Its message says what happened and what to do next.

    :param message: what happened, in words for the data team, free of personal data.
    :param advice: what to do next, empty where there is nothing to do but wait.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.advice = advice


class TransientFault(SyncError):
    """Likely to pass by itself (connection, time-out, 5xx, 429): retried with backoff.

    :param retry_after: seconds that the server asked to wait, if it did.
    :param status: of its answer, if there was one.
    """

    def __init__(
        self, message: str, *, advice: str = "", retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after
        self.status = status


class PermanentFault(SyncError):
    """Will not pass by itself (password, permission, crossed connection): never retried."""


class NotApproved(PermanentFault):
    """A plan over a limit was rejected, or nobody answered in time: nothing was written."""


class DeparturesNotApproved(NotApproved):
    """The same for the departures of a plan alone: its other changes were written, nobody was disabled."""


class CredentialsRefused(PermanentFault):
    """The server refused the login. Tried once, never again: SIMS locks accounts."""


class PermissionMissing(PermanentFault):
    """The login works, but lacks a permission that the message names."""


class RollRefused(PermanentFault):
    """What SIMS sent cannot be this school's roll: nothing is loaded, nobody is disabled."""


class UnexpectedAnswer(SyncError):
    """The server answered something that the protocol does not allow; the task fails after its retries.

    :param document: the name and the content of what cannot be read, to be kept with the run.
    """

    def __init__(self, message: str, *, advice: str = "", document: tuple[str, bytes] | None = None) -> None:
        super().__init__(message, advice=advice)
        self.document = document
