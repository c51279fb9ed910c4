"""How many deliveries each destination may be given now: its own bounds, and a fair part of the worker's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.delivery.decisions.circuit import allows_probe
from gateway.delivery.decisions.shared_state import SharedState
from gateway.delivery.decisions.target import Target
from gateway.delivery.models import CircuitState, DestinationKind


class Allowance(NamedTuple):
    """What one destination may be given. `is_probe`: one delivery that finds out whether it is well again."""

    attempts: int
    is_probe: bool = False


NOTHING = Allowance(0)


def is_guarded(target: Target, state: SharedState) -> bool:
    """Whether workers must take turns to decide about this destination, because a bound holds for all together."""
    return (
        target.concurrency_is_shared
        or target.rate_per_second is not None
        or (target.kind is DestinationKind.HTTP and state.circuit.state is not CircuitState.CLOSED)
    )


def allow(target: Target, state: SharedState, *, free: int, leased: int, now_us: int) -> Allowance:
    """What `target` may be given when this worker has `free` slots for it and all workers hold `leased` of its own."""
    if target.disabled or state.is_disabled or state.is_paused(now_us):
        return NOTHING
    attempts = free
    if target.concurrency_is_shared:
        attempts = min(attempts, target.concurrency - leased)
    if target.rate_per_second is not None:
        attempts = min(attempts, int(state.tokens(target.rate_per_second, now_us)))
    if attempts <= 0:
        return NOTHING
    if target.kind is DestinationKind.HTTP and state.circuit.state is not CircuitState.CLOSED:
        return Allowance(1, is_probe=True) if allows_probe(state.circuit, now_us) else NOTHING
    return Allowance(attempts)


def next_chance_us(target: Target, state: SharedState, *, now_us: int) -> int | None:
    """When to ask again for a destination that `allow` gave nothing: at once, where it hangs on what others do; None
    when it hangs on its configuration.
    """
    if target.disabled or state.is_disabled:
        return None
    if state.is_paused(now_us):
        return state.paused_until_us
    if target.kind is DestinationKind.HTTP and state.circuit.state is CircuitState.OPEN:
        return max(now_us, state.circuit.probe_at_us or now_us)
    return now_us


def share(limit: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """`limit` slots among those who want at least one: nobody gets more than wanted, nor more than an equal part
    while others want. When there are fewer slots than takers, the first in order get one each.
    """
    if limit < len(wanted):
        return dict.fromkeys(list(wanted)[: max(0, limit)], 1)
    parts: dict[str, int] = {}
    left, takers = limit, len(wanted)
    for name, number in sorted(wanted.items(), key=lambda item: item[1]):
        # Those who want little come first; what they leave is for the others.
        parts[name] = min(number, -(-left // takers))
        left -= parts[name]
        takers -= 1
    return parts
