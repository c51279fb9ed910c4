"""What a call came to, and what follows from an error. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from gateway.clients.errors import (
    AuthenticationFailed,
    CircuitOpen,
    IntegrationError,
    RateLimited,
    RequestRefused,
)
from gateway.entities.external import Mapped
from gateway.errors import GatewayError, InvalidInput
from gateway.oauth.refreshing.errors import ConnectionUnusable, RefreshHeldBack

FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 3_600.0
MOST_ATTEMPTS: Final = 15
BLOCKED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Made:
    """It is done. `mapped` is the record as the external system has it now, None where that does not say."""

    mapped: Mapped | None


@dataclass(frozen=True, slots=True)
class Removed:
    """It is gone there, or never was."""


@dataclass(frozen=True, slots=True)
class Found:
    """Nothing was written: the external system has another version than the one that this was based on."""

    mapped: Mapped


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was written: the external system has no such record any more."""


class Consequence(StrEnum):
    """What follows from a failure."""

    PARK = "park"  # it will never be taken as it is: a person decides
    AGAIN = "again"  # later, with an attempt burnt
    WAIT = "wait"  # nothing can be sent now, this or any other: nothing is burnt


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not done, as far as is known. `is_doubtful`: it may have taken effect."""

    consequence: Consequence
    code: str
    detail: str
    after_seconds: float | None = None
    is_doubtful: bool = False


Answer: TypeAlias = Made | Removed | Found | Missing | Failed


def failed(error: BaseException) -> Failed:
    """What follows from what a write raised."""
    detail = str(error)[:500]
    if isinstance(error, ConnectionUnusable | RefreshHeldBack | AuthenticationFailed):
        return Failed(Consequence.WAIT, error.code, detail)
    if isinstance(error, RateLimited | CircuitOpen):
        return Failed(Consequence.WAIT, error.code, detail, error.retry_after_seconds)
    if isinstance(error, IntegrationError):
        return _of_call(error, detail)
    if isinstance(error, InvalidInput):
        return Failed(Consequence.PARK, error.code, detail)
    if isinstance(error, GatewayError):
        return Failed(Consequence.AGAIN, error.code, detail)
    # A defect of the type: whether it had sent something nobody knows.
    return Failed(Consequence.AGAIN, "type_failed", f"{type(error).__name__}: {detail}", is_doubtful=True)


def _of_call(error: IntegrationError, detail: str) -> Failed:
    is_doubtful = error.call.may_have_happened
    if isinstance(error, RequestRefused):
        return Failed(Consequence.PARK, error.code, detail, is_doubtful=is_doubtful)
    return Failed(Consequence.AGAIN, error.code, detail, error.retry_after_seconds, is_doubtful)


def wait_seconds(attempts_made: int, asked_seconds: float | None, share: float) -> float:
    """How long until the next try: doubled each time, spread by `share` (0 to 1), and never before it was asked."""
    doubled: float = FIRST_WAIT_SECONDS * 2 ** min(max(attempts_made - 1, 0), 20)
    return max(min(doubled, LONGEST_WAIT_SECONDS) * (0.8 + 0.4 * share), asked_seconds or 0.0)
