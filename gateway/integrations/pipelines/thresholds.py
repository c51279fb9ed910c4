"""How much may be wrong with what a pipeline is about to load: shares, counted over all of it before anything is
written. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Fault, Hint
from gateway.integrations.pipelines.rules import NAMES
from gateway.suggestions import suggest

ANY: Final = "any"
DELETED: Final = "deleted"
DEFAULTS: Final[Mapping[str, float]] = {ANY: 0.1, DELETED: 0.2}
FEW_DELETIONS: Final = 5
"""So many are never too many."""

_KNOWN: Final = (ANY, DELETED, *NAMES)


def threshold_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with thresholds as they are given."""
    for name, value in given.items():
        if name not in _KNOWN:
            hint = suggest(name, _KNOWN, Hint("choose_one_of", {"names": list(_KNOWN)}))
            yield Fault(f"thresholds.{name}", "unknown", f"there is no threshold {name!r}", hint=hint)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            yield Fault(f"thresholds.{name}", "malformed", f"{name} is no share from 0 to 1")


@dataclass(slots=True)
class Quality:
    """What was found in the records of one reading. `held` is how many records were loaded before, and are not gone."""

    checked: int = 0
    faulty: int = 0
    deleted: int = 0
    held: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)

    def add(self, faults: Sequence[Fault]) -> None:
        """One record, with what is wrong with it."""
        self.checked += 1
        self.faulty += bool(faults)
        self.by_rule.update({fault.code for fault in faults})

    def exceeded(self, given: Mapping[str, float]) -> list[str]:
        """What is more than its threshold allows, in words."""
        thresholds = {**DEFAULTS, **given}
        found: dict[str, int] = {name: self.by_rule[name] for name in NAMES if name in thresholds}
        found[ANY] = self.faulty
        said = [
            f"{count} of {self.checked} records fail {'a rule' if name == ANY else name}"
            for name, count in found.items()
            if count > thresholds[name] * self.checked
        ]
        if self.deleted > FEW_DELETIONS and self.deleted > thresholds[DELETED] * self.held:
            said.append(f"{self.deleted} of {self.held} records would be deleted")
        return said
