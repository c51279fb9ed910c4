"""One entry for many changes that are made in short transactions, with their counts.

A change that fits into one transaction has its entry there. A longer one has an entry `…_began` in its first
transaction, so that what was done is not without a word when the process is killed amid it, and one with the counts at
its end, also when it is broken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.tenants.acting import Acting, Begin


@dataclass(slots=True)
class Tally:
    """Counts what is changed, under the name `action`, for an object; `asked` says what was asked for."""

    action: str
    object_id: str
    name: str | None
    asked: Mapping[str, object]
    counts: dict[str, int] = field(default_factory=dict)
    _has_begun: bool = False
    _is_kept: bool = False

    def add(self, acting: Acting, counts: Mapping[str, int], *, is_changed: bool, is_last: bool) -> None:
        """Count what the transaction of `acting` has done; `is_last` when nothing follows."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        if not is_changed and not self._has_begun:
            return
        if is_last:
            self.keep(acting)
        elif not self._has_begun:
            self._has_begun = True
            acting.audit(f"{self.action}_began", self.object_id, self.name, after=self.asked)

    def keep(self, acting: Acting) -> None:
        """Say what was done in all, once."""
        acting.audit(self.action, self.object_id, self.name, after={**self.asked, **self.counts})
        self._is_kept = True

    @property
    def is_open(self) -> bool:
        """Whether something was changed of which the counts are not told yet."""
        return self._has_begun and not self._is_kept


@contextmanager
def tallied(
    begin: Begin, action: str, object_id: str = "", name: str | None = None, *, asked: Mapping[str, object]
) -> Iterator[Tally]:
    """A tally for the block; what it has counted is told at the end of the block, however that is left."""
    tally = Tally(action, object_id, name, asked)
    try:
        yield tally
    finally:
        if tally.is_open:
            with begin() as acting:
                tally.keep(acting)
