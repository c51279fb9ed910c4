"""The results of a run by name, as they are shown, and its first few errors. JSON, so that another process goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MOST_ERRORS = 20
LONGEST_ERROR = 500

COUNTS = (
    "read", "created", "updated", "revived", "deleted", "unchanged", "conflicts", "merged", "quarantined", "repaired",
    "discarded", "duplicates", "missing", "kept", "pages", "requests",
)  # fmt: skip
"""`read`: records. `missing`: what a complete full pull did not see, of which `kept` are there all the same, or cannot
be told. `discarded`: records that a person does not want. The others are called as they are.
"""


class Tally:
    """Counts, `fields` (how many updates changed each), seconds waited for limits, and errors."""

    def __init__(self, counts: Mapping[str, Any] | None = None, errors: Iterable[Mapping[str, Any]] = ()) -> None:
        before = counts or {}
        self._counts: dict[str, int] = {name: int(before.get(name, 0)) for name in COUNTS}
        self._fields: dict[str, int] = dict(before.get("fields", {}))
        self.waited_seconds = float(before.get("waited_seconds", 0.0))
        self.errors: list[dict[str, Any]] = [dict(one) for one in errors]

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def add(self, name: str, count: int = 1) -> None:
        """So many more of `COUNTS`."""
        self._counts[name] += count

    def add_fields(self, fields: Iterable[str]) -> None:
        """An update changed these."""
        for name in fields:
            if name in self._fields or len(self._fields) < 100:
                self._fields[name] = self._fields.get(name, 0) + 1

    def error(self, code: str, message: str, **about: Any) -> None:
        """Note an error, while there is room. `about` is what it concerns."""
        if len(self.errors) < MOST_ERRORS:
            told = {name: value for name, value in about.items() if value is not None}
            self.errors.append({"code": code, "message": message[:LONGEST_ERROR], **told})

    def copy(self) -> Tally:
        """As it is now: what a transaction that is rolled back had counted did not happen."""
        return Tally(self.counts, self.errors)

    @property
    def counts(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._counts, "fields": dict(self._fields), "waited_seconds": round(self.waited_seconds, 3)}
