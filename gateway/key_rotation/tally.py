"""What was found on the way through the places, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """`old` counts the values that another key than the first one opens, by place and that key's id; `missing` those
    whose key is not here, by its id. `given_up` need a key that is gone for good, `broken` do not open with the key
    that they name. `replaced` are those that were sealed anew.
    """

    old: dict[str, Counter[str]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    broken: int = 0
    replaced: int = 0

    @property
    def found(self) -> int:
        """How many values there are that are not sealed with the first key, and open."""
        return sum(counts.total() for counts in self.old.values())

    def in_use(self, key_id: str) -> int:
        """How many values need this key."""
        return sum(counts[key_id] for counts in self.old.values()) + self.missing[key_id]

    def as_data(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "old": {place: dict(counts) for place, counts in self.old.items()},
            "missing": dict(self.missing),
            "given_up": self.given_up,
            "broken": self.broken,
            "replaced": self.replaced,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Tally:
        """What `as_data` gave."""
        return cls(
            old={place: Counter(counts) for place, counts in data["old"].items()},
            missing=Counter(data["missing"]),
            given_up=data["given_up"],
            broken=data["broken"],
            replaced=data["replaced"],
        )
