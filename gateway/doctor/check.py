"""What the doctor says: one result per thing that was looked at, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import Hint


class Level(StrEnum):
    """How bad a result is."""

    OK = "ok"  # as it should be
    WARN = "warn"  # works, and may surprise
    FAIL = "fail"  # does not work


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked at, how it is, and what may help. `detail` is a sentence for people and holds no secret."""

    name: str
    level: Level
    detail: str
    hint: Hint | None = None
