"""What is learnt of a directory while it is written to: which forms of writing it takes, and which values it keeps
otherwise (SPEC section 3). It holds until the directory's settings change, or somebody has it forgotten."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sims_sync.config.directory_settings import DirectorySettings

Form = Literal["value_path", "attribute", "put"]

LADDER: tuple[Form, ...] = ("value_path", "attribute", "put")
"""How an account is changed: PATCH of the value's path, PATCH of the whole attribute, PUT of the whole account."""

_DIGEST = 24


class Learnt(BaseModel):
    """What is learnt of one directory.

    :param of: the directory and its settings, as a digest: of others nothing is known.
    :param form: the highest form of writing that it takes.
    :param bulk: whether it takes bulk requests.
    :param bulk_faults: how many of them, one after the other, it has answered by an error of its own (500).
    :param creates_badly: why no account is created there any more, if so.
    :param kept: keyed digests of values and the form in which the directory keeps them, by attribute.
    :param not_kept: names of attributes of a special category that it keeps for nobody.
    :param shared: records that the directory made one account of with another's, by Person ID: keyed digests of what
        tells them apart.
    """

    model_config = ConfigDict(frozen=True)

    of: str
    key: str = Field(default_factory=lambda: secrets.token_hex(16), repr=False)
    form: Form = LADDER[0]
    bulk: bool = True
    bulk_faults: int = 0
    creates_badly: str | None = None
    kept: Mapping[str, frozenset[str]] = Field(default_factory=dict)
    not_kept: frozenset[str] = frozenset()
    shared: Mapping[str, str] = Field(default_factory=dict)

    def digest(self, *values: Any) -> str:
        """A digest of values, keyed: nobody can try values without this state."""
        text = "\0".join(map(repr, values))
        return hmac.new(self.key.encode(), text.encode(errors="backslashreplace"), hashlib.sha256).hexdigest()[:_DIGEST]

    @property
    def words(self) -> list[str]:
        """What is known, in a few words for the school's page; empty where nothing is."""
        forms = {
            "attribute": "Of a list it takes the whole, and no single entry.",
            "put": "It takes whole accounts alone (PUT).",
        }
        told = [
            forms.get(self.form),
            None if self.bulk else "It takes accounts one by one, not in bulk.",
            f"No account is created there: of the first one, {self.creates_badly}." if self.creates_badly else None,
        ]
        return [each for each in told if each]


def directory_of(base_url: str, settings: DirectorySettings) -> str:
    """A digest of a directory and its settings.

    :param base_url: in one spelling.
    """
    return hashlib.sha256(f"{base_url}\n{settings.model_dump_json()}".encode()).hexdigest()[:_DIGEST]
