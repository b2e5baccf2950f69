"""What the data team was told of a school, so that nothing is told twice: ``state/notices.json``.

Nothing that is written to accounts hangs on it. One that is lost or cannot be read is as if nothing had been told.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from sims_sync.runs.documents import STAGES, Document, Moment
from sims_sync.store.folder import Folder, Unreadable

_FILE = "notices.json"


def _known(stage: str) -> str:
    if stage not in (*STAGES, "run"):
        raise ValueError("no stage of a run")
    return stage


class FailureNotice(Document):
    """How a school fails (``sims_sync.mails.failure.Failure``).

    :param since: when it began to fail, the first of the nights that followed each other.
    """

    since: Moment
    run_id: str
    stage: Annotated[str, AfterValidator(_known)]
    kind: str
    message: str
    advice: str = ""


class Notices(Document):
    """What was told.

    :param failing: how the school fails; none: it works.
    :param told: the words in which that was told; empty: it was not, as the mail could not be sent.
    :param records: the findings that were told last, ``<Person ID>:<code>`` each; none before the first.
    :param found: those of the last good run; none: as told.
    """

    failing: FailureNotice | None = None
    told: str = ""
    records: tuple[str, ...] | None = None
    found: tuple[str, ...] | None = Field(default=None, exclude_if=lambda found: found is None)

    @classmethod
    def of(cls, state: Folder) -> Notices:
        """What was told of the school with this state folder."""
        try:
            return cls.model_validate_json(state.read(_FILE))
        except (OSError, Unreadable, ValidationError):
            return cls()

    def save(self, state: Folder) -> None:
        """Keep it, in place of what was told before."""
        state.write(_FILE, self.as_json())
