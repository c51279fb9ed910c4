"""What stands in for an answer when a call fails with an error that may pass: a value, or what is kept from before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.clients.errors import IntegrationError
from gateway.clients.values import Answer, Headers

NOTHING: Final[Any] = object()
"""No fallback: the error is the caller's."""


@dataclass(frozen=True, slots=True)
class Stale:
    """As a `fallback`: the answer that the client's cache keeps, at most `max_stale_seconds` after its lifetime.

    `otherwise` is the fallback where there is none. Systems can forbid it by `must-revalidate` and `no-cache`
    (RFC 9111, 4.2.4), and allow it for a time to those who ask for nothing by `stale-if-error`.
    """

    max_stale_seconds: float = 24 * 3600.0
    otherwise: Any = NOTHING


@dataclass(frozen=True)
class Substitute(Answer):
    """An answer that no system gave: `value` is the caller's. Its status is 0."""

    value: Any = None

    @property
    def document(self) -> Any:
        """The caller's value."""
        return self.value


def substitute(fallback: Any, error: IntegrationError) -> Answer | None:
    """What the caller gave for the case of `error`: a value, or a callable that gets it. None where he gave nothing."""
    if fallback is NOTHING:
        return None
    value = fallback(error) if callable(fallback) else fallback
    return Substitute(0, Headers(), b"", tries=error.call.tries, instead_of=error.code, value=value)
