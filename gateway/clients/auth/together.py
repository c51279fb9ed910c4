"""Several credentials on one call: a key, and a further secret beside it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.clients.auth.base import Auth
from gateway.clients.values import Call


class Together:
    """Each of `parts`, in their order."""

    def __init__(self, parts: Sequence[Auth]) -> None:
        self._parts = tuple(parts)

    def __repr__(self) -> str:
        return f"Together({', '.join(map(repr, self._parts))})"

    def apply(self, call: Call) -> Call:
        for part in self._parts:
            call = part.apply(call)
        return call

    def refused(self, call: Call) -> bool:
        """Whether any of them is another one now."""
        answers = [part.refused(call) for part in self._parts]
        return any(answers)

    def secrets(self, call: Call) -> tuple[str, ...]:
        return tuple(secret for part in self._parts for secret in part.secrets(call))
