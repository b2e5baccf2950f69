"""What became of one planned change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sims_sync.model.change_kinds import Kind
from sims_sync.model.person import in_document


@dataclass(frozen=True)
class Result:
    """What became of one planned change.

    :param result: ``done`` (now, or by an earlier try of the same run), ``rejected`` (the record, with its code) or
        ``failed`` (for the server's reasons: worth another try).
    :param detail: why, in words of ours.
    :param prose: the directory's own words, which can name people: for those who may edit.
    :param retry_after: seconds that the server asked to wait before the next try, if it did. Not part of the file.
    """

    kind: Kind
    person_id: str | None
    school_identifier: str | None
    account_id: str | None
    result: Literal["done", "rejected", "failed"]
    code: str | None = None
    detail: str | None = None
    prose: str | None = field(default=None, repr=False)
    retry_after: float | None = None

    def as_document(self) -> dict[str, Any]:
        """The result as its file holds it."""
        left_out = {"retry_after", *(() if self.prose else ("prose",))}
        fields = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**fields, "person_id": in_document(self.person_id)}
