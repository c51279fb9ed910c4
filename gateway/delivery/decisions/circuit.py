"""The circuit of a destination: when trying stops, and when it starts again. Pure; `destination_states` keeps it.

Only trouble that says "this endpoint is not well" counts. Any answer below 500 proves it alive. Handlers have no
circuit: an exception tells about one event, not about the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.policy import Outcome, Random, jittered
from gateway.delivery.models import CircuitState

FAILURES_TO_OPEN = 20
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0

FAILURES = frozenset(
    {
        Outcome.HTTP_5XX,
        Outcome.TIMEOUT,
        Outcome.CONNECTION_ERROR,
        Outcome.ADDRESS_FORBIDDEN,
        Outcome.RESPONSE_TOO_LARGE,
    }
)
SUCCESSES = frozenset({Outcome.DELIVERED, Outcome.REDIRECT, Outcome.HTTP_4XX})


@dataclass(frozen=True, slots=True)
class Circuit:
    """A destination's circuit at one moment. Instants in microseconds.

    `opened_count` counts openings in a row. `probe_at_us` is when an open circuit lets one probe through,
    `probe_expires_at_us` when a probe that was never answered stops counting.
    """

    state: CircuitState = CircuitState.CLOSED
    failures_in_a_row: int = 0
    opened_count: int = 0
    probe_at_us: int | None = None
    probe_expires_at_us: int | None = None


CLOSED = Circuit()


def after_attempt(circuit: Circuit, outcome: Outcome, *, is_probe: bool, now_us: int, random: Random) -> Circuit:
    """The circuit after one attempt ended with `outcome`.

    Tries that were already in flight when it opened change nothing when they fail.
    """
    if outcome in SUCCESSES:
        return CLOSED
    if outcome not in FAILURES:
        return circuit
    if circuit.state is CircuitState.CLOSED:
        failures = circuit.failures_in_a_row + 1
        if failures < FAILURES_TO_OPEN:
            return replace(circuit, failures_in_a_row=failures)
        return _opened(replace(circuit, failures_in_a_row=failures), now_us, random)
    if circuit.state is CircuitState.HALF_OPEN and is_probe:
        return _opened(circuit, now_us, random)
    return circuit


def allows_probe(circuit: Circuit, now_us: int) -> bool:
    """Whether one probe may go now. A time further away than any pause comes from a clock that was set back."""
    at_us = circuit.probe_at_us if circuit.state is CircuitState.OPEN else circuit.probe_expires_at_us
    return at_us is None or at_us <= now_us or at_us > now_us + _FARTHEST_US


def probing(circuit: Circuit, *, expires_at_us: int) -> Circuit:
    """The circuit while its one probe is on its way."""
    return replace(circuit, state=CircuitState.HALF_OPEN, probe_expires_at_us=expires_at_us)


def _opened(circuit: Circuit, now_us: int, random: Random) -> Circuit:
    # The exponent is bounded before the power is taken: a circuit may stay open for weeks.
    pause_seconds = min(FIRST_PAUSE_SECONDS * 2 ** min(circuit.opened_count, 10), LONGEST_PAUSE_SECONDS)
    return replace(
        circuit,
        state=CircuitState.OPEN,
        opened_count=circuit.opened_count + 1,
        probe_at_us=now_us + round(jittered(pause_seconds, random) * MICROSECONDS),
        probe_expires_at_us=None,
    )


# Further than the longest pause with jitter, and than any lease.
_FARTHEST_US = 2 * 3600 * MICROSECONDS
