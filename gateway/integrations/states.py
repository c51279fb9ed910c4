"""The states of an integration and of its health, and which step leads where. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum

from gateway.errors import IllegalTransition


class IntegrationState(StrEnum):
    """How far an integration is in its life."""

    INACTIVE = "inactive"  # configured, and nothing runs
    ACTIVATING = "activating"  # being validated, tested and prepared; what a failing step made is taken back
    ACTIVE = "active"  # syncs
    PAUSED = "paused"  # somebody stopped its syncs; edits wait
    DEACTIVATING = "deactivating"  # its workers are stopped, then it is cleaned up
    FAILED = "failed"  # activating or deactivating could not be ended; it can be tried again


class Health(StrEnum):
    """How an integration, or one check of it, is. In this order: the worst one counts."""

    UNKNOWN = "unknown"  # nothing is known yet
    HEALTHY = "healthy"  # works
    DEGRADED = "degraded"  # works in part, or is late
    UNHEALTHY = "unhealthy"  # does not work


_BEGINNING = frozenset({IntegrationState.ACTIVATING})

TRANSITIONS: Mapping[IntegrationState, Set[IntegrationState]] = {
    IntegrationState.INACTIVE: _BEGINNING,
    IntegrationState.ACTIVATING: frozenset(
        {IntegrationState.ACTIVE, IntegrationState.INACTIVE, IntegrationState.FAILED}
    ),
    IntegrationState.ACTIVE: frozenset({IntegrationState.PAUSED, IntegrationState.DEACTIVATING}),
    IntegrationState.PAUSED: frozenset({IntegrationState.ACTIVE, IntegrationState.DEACTIVATING}),
    IntegrationState.DEACTIVATING: frozenset({IntegrationState.INACTIVE, IntegrationState.FAILED}),
    IntegrationState.FAILED: _BEGINNING | {IntegrationState.DEACTIVATING},
}


def check_step(now: IntegrationState, wanted: IntegrationState) -> None:
    """Raise `IllegalTransition` where no step leads from `now` to `wanted`; staying is always allowed."""
    if wanted is not now and wanted not in TRANSITIONS[now]:
        raise IllegalTransition(f"an integration that is {now} cannot become {wanted}")
