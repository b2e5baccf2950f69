"""What a school remembers from run to run, in ``<store>/<school id>/state/``; never subject to retention."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sims_sync.errors import PermanentFault
from sims_sync.runs import store
from sims_sync.runs.store import StorePath

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class SchoolState:
    """The state of one school.

    :param root: the store of all schools.
    """

    root: StorePath
    school_id: str

    def check_claim(self, base_url: str) -> None:
        """A directory belongs to one school (SPEC section 3).

        :raises PermanentFault: another school has claimed the directory at this base URL.
        """
        wanted = _canonical(base_url)
        for folder in self.root.iterdir() if self.root.exists() else ():
            if folder.name != self.school_id and _claim_of(folder / store.STATE / "claim.json") == wanted:
                raise PermanentFault(
                    f"The directory of {self.school_id} is that of the school {folder.name}, which claimed it first.",
                    advice=f"Correct the host of the directory connection of {self.school_id}; or, if the directory "
                    f"really changed hands, remove {folder.name}/{store.STATE}/claim.json from the store.",
                )

    def claim(self, base_url: str) -> None:
        """Claim the directory for this school: the first run does."""
        self.check_claim(base_url)
        self._save("claim", {"base_url": _canonical(base_url)})

    def disabled_accounts(self) -> frozenset[str]:
        """The ids of the accounts that the sync disabled, for directories that cannot keep the mark themselves."""
        return frozenset(self._load("disabled", []))

    def save_disabled_accounts(self, account_ids: Iterable[str]) -> None:
        """Keep the ids of the accounts that the sync disabled."""
        self._save("disabled", sorted(account_ids))

    def failing_since(self) -> dict[str, str]:
        """Since which effective date a record fails: ``<Person ID>:<code>`` to an ISO date."""
        since: dict[str, str] = self._load("failing", {})
        return since

    def save_failing_since(self, since: dict[str, str]) -> None:
        """Keep since when records fail."""
        self._save("failing", since)

    def _load(self, name: str, default: Any) -> Any:
        path = store.state_folder(self.root, self.school_id) / f"{name}.json"
        return json.loads(path.read_bytes()) if path.exists() else default

    def _save(self, name: str, value: Any) -> None:
        path = store.state_folder(self.root, self.school_id) / f"{name}.json"
        store.write(path, store.as_json(value))


def _claim_of(path: StorePath) -> str | None:
    return json.loads(path.read_bytes())["base_url"] if path.exists() else None


def _canonical(base_url: str) -> str:
    """The same directory under the same name: case of the host, default port and trailing slash do not count."""
    parts = urlsplit(base_url.strip())
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}"
