"""What the data team was told of a school, so that nothing is told twice: ``state/notices.json``.

Nothing that is written to accounts hangs on it. One that is lost or cannot be read is as if nothing had been told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sims_sync.store.content import as_json
from sims_sync.store.folder import Folder

_FILE = "notices.json"


@dataclass(frozen=True)
class Notices:
    """What was told.

    :param failing: how the school fails (``sims_sync.mails.failure.Failure`` as a document); none: it works.
    :param told: the words in which that was told; empty: it was not, as the mail could not be sent.
    :param records: findings of the last good run, ``<Person ID>:<code>`` each; none before the first.
    """

    failing: dict[str, Any] | None = None
    told: str = ""
    records: tuple[str, ...] | None = None

    @classmethod
    def of(cls, state: Folder) -> Notices:
        """What was told of the school with this state folder."""
        try:
            document = json.loads(state.read(_FILE))
            records = document["records"]
            return cls(document["failing"], document["told"], None if records is None else tuple(records))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, state: Folder) -> None:
        """Keep it, in place of what was told before."""
        document = {"failing": self.failing, "told": self.told, "records": self.records}
        state.write(_FILE, as_json(document))
