"""The state table of a delivery: which state may follow which. Every change of `deliveries.state` stands here.

A test finds every statement that writes deliveries and holds it to the table.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.delivery.models import DeliveryState
from gateway.errors import IllegalTransition

TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset(
        {
            DeliveryState.LEASED,  # claimed
            DeliveryState.PENDING,  # retried now by a person
            DeliveryState.CANCELLED,  # by a person
        }
    ),
    DeliveryState.LEASED: frozenset(
        {
            DeliveryState.DELIVERED,
            DeliveryState.PENDING,  # failed and to be retried, released, or its lease ended
            DeliveryState.DEAD,  # exhausted or refused
            DeliveryState.CANCELLED,  # by a person; the late result changes nothing
        }
    ),
    DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),  # retried or replayed
    DeliveryState.DEAD: frozenset(
        {
            DeliveryState.PENDING,  # retried or replayed
            DeliveryState.CANCELLED,  # tried again, and the mended route turns the event away
        }
    ),
    DeliveryState.CANCELLED: frozenset({DeliveryState.PENDING}),  # retried or replayed
}

# How a delivery comes into the world: dead when its route could not be applied.
BORN = frozenset({DeliveryState.PENDING, DeliveryState.DEAD})
# What a person may send again. Not what is being tried at this moment: its result would be overwritten.
RETRYABLE = frozenset({DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED})
UNFINISHED = frozenset({DeliveryState.PENDING, DeliveryState.LEASED})
# What goes with its event when a person has it forgotten. Not what is being tried: its result would come after it.
FORGETTABLE = frozenset(DeliveryState) - {DeliveryState.LEASED}


def require_transition(before: DeliveryState, after: DeliveryState) -> None:
    """Raises `IllegalTransition` unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"a delivery that is {before} cannot become {after}")
