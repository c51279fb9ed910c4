"""What all workers share about a destination: the row of `destination_states`, read and written in batches.

What the values mean for a claim is `decisions.allotment`'s part, how a circuit moves is `decisions.circuit`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from gateway.db.drivers import sqlite_driver
from gateway.delivery.decisions.circuit import CLOSED, Circuit
from gateway.delivery.decisions.shared_state import SharedState
from gateway.delivery.models import CircuitState

_LOAD = """
SELECT w.id, d.disabled_at IS NOT NULL, s.circuit, s.failures_in_a_row, s.opened_count, s.probe_at, s.probe_expires_at,
  s.paused_until, s.rate_tokens, s.rate_refilled_at
FROM (/*ids*/) AS w LEFT JOIN destinations AS d ON d.id = w.id
  LEFT JOIN destination_states AS s ON s.destination_id = w.id
"""
_SQLITE_LOAD = _LOAD.replace("/*ids*/", "SELECT value AS id FROM json_each(?)")
_POSTGRES_LOAD = text(_LOAD.replace("/*ids*/", "SELECT unnest(CAST(:ids AS text[])) AS id"))
_POSTGRES_ENSURE = text(
    "INSERT INTO destination_states (destination_id, tenant_id, circuit, failures_in_a_row, opened_count) "
    "SELECT w.id, w.tenant_id, 'closed', 0, 0 FROM unnest(CAST(:ids AS text[]), CAST(:tenants AS text[])) "
    "AS w (id, tenant_id) ORDER BY w.id ON CONFLICT DO NOTHING"
)
_POSTGRES_LOCK = (
    "SELECT destination_id FROM destination_states WHERE destination_id = ANY(CAST(:ids AS text[])) "
    "ORDER BY destination_id FOR UPDATE"
)
_POSTGRES_LOCK_FREE = text(_POSTGRES_LOCK + " SKIP LOCKED")
_POSTGRES_LOCK_ALL = text(_POSTGRES_LOCK)

_SAVE = """
INSERT INTO destination_states (destination_id, tenant_id, circuit, failures_in_a_row, opened_count, probe_at,
  probe_expires_at, paused_until, rate_tokens, rate_refilled_at)
VALUES (:destination_id, :tenant_id, :circuit, :failures_in_a_row, :opened_count, :probe_at,
  :probe_expires_at, :paused_until, :rate_tokens, :rate_refilled_at)
ON CONFLICT (destination_id) DO UPDATE SET circuit = excluded.circuit, failures_in_a_row = excluded.failures_in_a_row,
  opened_count = excluded.opened_count, probe_at = excluded.probe_at, probe_expires_at = excluded.probe_expires_at,
  paused_until = excluded.paused_until, rate_tokens = excluded.rate_tokens, rate_refilled_at = excluded.rate_refilled_at
"""
_POSTGRES_SAVE = text(_SAVE)


def load_states(connection: Connection, ids: Iterable[str]) -> dict[str, SharedState]:
    """The states of `ids`; a destination without a row has the default one."""
    wanted = list(ids)
    if connection.dialect.name == "sqlite":
        rows: Iterable[Any] = sqlite_driver(connection).execute(_SQLITE_LOAD, (json.dumps(wanted),)).fetchall()
    else:
        rows = connection.execute(_POSTGRES_LOAD, {"ids": wanted})
    return {row[0]: _state(row) for row in rows}


def lock_states(connection: Connection, tenants: Mapping[str, str], *, skip_locked: bool) -> dict[str, SharedState]:
    """The same under a lock that holds until the transaction ends; `tenants` maps each destination to its tenant.

    With `skip_locked`, those that another worker holds are left out. SQLite's writers are alone anyway.
    """
    ids = sorted(tenants)
    if not ids or connection.dialect.name == "sqlite":
        return load_states(connection, ids) if ids else {}
    connection.execute(_POSTGRES_ENSURE, {"ids": ids, "tenants": [tenants[id_] for id_ in ids]})
    statement = _POSTGRES_LOCK_FREE if skip_locked else _POSTGRES_LOCK_ALL
    return load_states(connection, connection.execute(statement, {"ids": ids}).scalars())


def save_states(connection: Connection, tenants: Mapping[str, str], states: Mapping[str, SharedState]) -> None:
    """Write `states`, in the order of their ids, so that two workers never wait for each other."""
    rows = [_row(id_, tenants[id_], states[id_]) for id_ in sorted(states)]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        sqlite_driver(connection).executemany(_SAVE, rows)
    else:
        connection.execute(_POSTGRES_SAVE, rows)


def _state(row: Any) -> SharedState:
    _, disabled, circuit, failures, opened, probe_at, probe_expires_at, paused_until, tokens, refilled_at = row
    known = CLOSED if circuit is None else Circuit(CircuitState(circuit), failures, opened, probe_at, probe_expires_at)
    return SharedState(bool(disabled), known, paused_until, tokens, refilled_at)


def _row(destination_id: str, tenant_id: str, state: SharedState) -> dict[str, object]:
    circuit = state.circuit
    return {
        "destination_id": destination_id,
        "tenant_id": tenant_id,
        "circuit": circuit.state.value,
        "failures_in_a_row": circuit.failures_in_a_row,
        "opened_count": circuit.opened_count,
        "probe_at": circuit.probe_at_us,
        "probe_expires_at": circuit.probe_expires_at_us,
        "paused_until": state.paused_until_us,
        "rate_tokens": state.rate_tokens,
        "rate_refilled_at": state.rate_refilled_at_us,
    }
