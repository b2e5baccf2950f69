"""A directory that refuses records as such: it is the directory or its settings, not the records (SPEC section 7)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sims_sync.directory.refusals import answer_of
from sims_sync.model.change_kinds import LEAVER_KINDS, Kind
from sims_sync.model.errors import PermanentFault

_FIRST = 10
_MANY = 20
"""So many writes of one kind are looked at: the first are all refused, or half of many."""

_WORDS: Mapping[Kind, str] = {
    "create": "to be created",
    "update": "to be changed",
    "enable": "to be enabled again",
    "link": "to be linked",
    "disable": "to be disabled",
    "unlink_role": "to lose the role",
}


class Outcome(Protocol):
    """What is needed of ``changes.apply.Result``."""

    @property
    def kind(self) -> Kind: ...
    @property
    def person_id(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def detail(self) -> str | None: ...


@dataclass
class RefusalsAsSuch:
    """Counts the records that a directory refuses, and stops when it is not the records.

    :param before: the answer (status and ``scimType``) to the records that it refused in the last applied run, by
        Person ID: one that is refused with the same answer again counts for nothing.
    """

    before: Mapping[str, str] = field(default_factory=dict)
    _tried: Counter[Kind] = field(default_factory=Counter)
    _refused: Counter[Kind] = field(default_factory=Counter)
    _answers: defaultdict[Kind, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def count(self, result: Outcome) -> None:
        """Count what became of a write."""
        refused, answer = result.code == "rejected_by_directory", answer_of(result.detail or "")
        if refused and result.person_id is not None and self.before.get(result.person_id) == answer:
            return
        self._tried[result.kind] += 1
        if refused:
            self._refused[result.kind] += 1
            self._answers[result.kind][answer] += 1

    @property
    def newly_refused(self) -> int:
        """Records that were refused, and not so in the last applied run."""
        return self._refused.total()

    def check(self) -> None:
        """Whether to go on.

        :raises PermanentFault: the first 10 of a kind were all refused, or half of at least 20.
        """
        for kind, refused in self._refused.items():
            tried = self._tried[kind]
            if (tried >= _FIRST and refused == tried) or (tried >= _MANY and 2 * refused >= tried):
                raise self._fault(kind)

    def check_end(self) -> None:
        """Whether all went well enough.

        :raises PermanentFault: as :meth:`check`; or all creates, two or more, were refused with one answer.
        """
        self.check()
        tried = self._tried["create"]
        if 2 <= tried == self._refused["create"] and len(self._answers["create"]) == 1:
            raise self._fault("create")

    def _fault(self, kind: Kind) -> PermanentFault:
        ((answer, _),) = self._answers[kind].most_common(1)
        # How many are changed tells of SEN and free school meals, too.
        number = "" if kind == "update" else f"{self._refused[kind]} of {self._tried[kind]} "
        return PermanentFault(
            f"The directory refused {number}accounts that were {_WORDS[kind]}, most often so: {answer}. "
            "It is not the records.",
            advice="The page of the run shows what the directory says to those who may edit the DAG; correct the "
            "directory or the school's settings, then clear the task."
            + (" No leaver was touched." if kind not in LEAVER_KINDS else ""),
        )
