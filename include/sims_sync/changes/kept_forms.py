"""Values that a directory keeps otherwise than they were written: they are not written again every night (SPEC section
3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sims_sync.changes.differences import Difference
from sims_sync.directory.learnt import Learnt
from sims_sync.model.attributes import Attribute


@dataclass
class KeptForms:
    """Knows which differences are the directory's own, and counts those that it was asked for.

    :param learnt: what is known of the directory; none: nothing is.
    :param seen: the digests of those that it was asked for, by attribute.
    :param accounts: in how many accounts a value is kept otherwise, by attribute.
    """

    learnt: Learnt | None = None
    seen: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    accounts: Counter[Attribute] = field(default_factory=Counter)

    def holds(self, difference: Difference) -> bool:
        """Whether SIMS's value and the kept form both stand, so that nothing is to be written."""
        name = difference.attribute.name
        if self.learnt is None or not (known := self.learnt.kept.get(name)):
            return False
        digest = _digest(difference, self.learnt)
        if digest not in known:
            return False
        self.seen[name].add(digest)
        self.accounts[difference.attribute] += not difference.is_of_case_alone
        return True

    def values(self, differences: Iterable[Difference]) -> dict[str, Any]:
        """The values to write, by attribute name."""
        return {each.attribute.name: each.value for each in differences if not self.holds(each)}

    def still_seen(self) -> Mapping[str, frozenset[str]]:
        """Of what was known, what still stands."""
        return {name: frozenset(digests) for name, digests in self.seen.items()}


def with_kept(learnt: Learnt, differences: Iterable[Difference]) -> Learnt:
    """What is known of a directory, with differences that stayed when they were written twice.

    Of attributes of a special category no state may tell who has a value: they are known as a whole, by ``not_kept``.
    """
    kept = {name: set(digests) for name, digests in learnt.kept.items()}
    for each in differences:
        if not each.attribute.special:
            kept.setdefault(each.attribute.name, set()).add(_digest(each, learnt))
    return learnt.model_copy(update={"kept": {name: frozenset(digests) for name, digests in kept.items()}})


def _digest(difference: Difference, learnt: Learnt) -> str:
    """What the state holds of a difference."""
    return learnt.digest(difference.account_id, difference.attribute.name, difference.wanted, difference.present)
