"""What the results of attempts mean for their destinations: circuits, pacing, and the end of those that are gone.

How a circuit moves is decided by `decisions.circuit`; written where something changed, which on a good day is nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, text

from gateway.clock import MICROSECONDS
from gateway.db.model import ConfigurationKind
from gateway.db.revisions import move_revisions
from gateway.delivery.decisions.circuit import after_attempt
from gateway.delivery.decisions.policy import Random
from gateway.delivery.decisions.shared_state import SharedState
from gateway.delivery.models import CircuitState, DestinationKind
from gateway.delivery.queue.destination_states import load_states, lock_states, save_states
from gateway.delivery.queue.report import Recorded
from gateway.events.system import Occurrence, destination_disabled
from gateway.telemetry.logging import get_logger

_log = get_logger(__name__)

GONE = "gone"

_DISABLE = """
UPDATE destinations SET disabled_at = :now_us, disabled_reason = :reason, updated_at = :now_us
WHERE id = :id AND disabled_at IS NULL
"""


def change_states(connection: Connection, recorded: Sequence[Recorded], *, now_us: int, random: Random) -> None:
    """Move circuits and pacing. Written only where something changed, which on a good day is nowhere."""
    by_destination: dict[str, list[Recorded]] = {}
    for item in recorded:
        if item.report.target is not None and item.report.target.kind is DestinationKind.HTTP:
            by_destination.setdefault(item.report.claimed.destination_id, []).append(item)

    def moved(states: Mapping[str, SharedState]) -> dict[str, SharedState]:
        after = {id_: _after(state, by_destination[id_], now_us, random) for id_, state in states.items()}
        return {id_: state for id_, state in after.items() if state != states[id_]}

    changed = moved(load_states(connection, by_destination))
    if changed:
        tenants = {id_: by_destination[id_][0].report.claimed.tenant_id for id_ in changed}
        locked = lock_states(connection, tenants, skip_locked=False)
        after = moved(locked)
        save_states(connection, tenants, after)
        for id_, state in after.items():
            _tell_of_circuit(by_destination[id_][0], locked[id_], state, now_us)


def _tell_of_circuit(item: Recorded, before: SharedState, after: SharedState, now_us: int) -> None:
    """A line for a circuit that opens or closes. What is between (a probe under way, one more that failed) is told by
    the attempts.
    """
    is_open, was_open = (state.circuit.state is not CircuitState.CLOSED for state in (after, before))
    if is_open is was_open:
        return
    target = item.report.target
    fields: dict[str, object] = {"destination": target.name if target else item.report.claimed.destination_id}
    if not is_open:
        _log.info("circuit closed: its deliveries go on", **fields)
    elif after.circuit.probe_at_us is not None:
        fields["next_probe_in_seconds"] = round((after.circuit.probe_at_us - now_us) / MICROSECONDS, 1)
        _log.warning("circuit opened: its deliveries wait until a probe succeeds", **fields)


def _after(state: SharedState, items: Sequence[Recorded], now_us: int, random: Random) -> SharedState:
    circuit, paused_until_us = state.circuit, state.paused_until_us
    for (claimed, _, result), decision, _ in items:
        if result is not None:
            circuit = after_attempt(circuit, result.outcome, is_probe=claimed.is_probe, now_us=now_us, random=random)
        elif claimed.is_probe and circuit.state is CircuitState.HALF_OPEN:
            circuit = replace(circuit, state=CircuitState.OPEN, probe_at_us=now_us, probe_expires_at_us=None)
        if decision is not None and decision.paused_until_us is not None:
            already_us = paused_until_us or 0 if state.is_paused(now_us) else 0
            paused_until_us = max(decision.paused_until_us, already_us)
    return state._replace(circuit=circuit, paused_until_us=paused_until_us)


def disable_gone(connection: Connection, recorded: Sequence[Recorded], *, now_us: int) -> list[Occurrence]:
    """Take destinations that are gone out of service; an occurrence for each that was in service until now."""
    gone = {r.claimed.destination_id: r for r, decision, _ in recorded if decision is not None and decision.disables}
    occurrences = []
    for id_ in sorted(gone):
        report = gone[id_]
        values = {"id": id_, "now_us": now_us, "reason": GONE}
        if connection.execute(text(_DISABLE), values).rowcount == 1:
            move_revisions(connection, {ConfigurationKind.DESTINATIONS})
            occurrence = destination_disabled(
                report.claimed.tenant_id,
                destination_id=id_,
                destination=report.target.name if report.target else None,
                reason=GONE,
                delivery_id=report.claimed.id,
            )
            occurrences.append(occurrence)
    return occurrences
