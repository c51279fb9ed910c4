"""What there is for a worker to do: a few probes of small indexes, whatever has piled up in the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from gateway.db import lease
from gateway.jobs.models import IS_PENDING

_NEXT = f"SELECT due_at FROM jobs WHERE {IS_PENDING} AND kind = wanted.{{name}} ORDER BY due_at LIMIT 1"  # noqa: S608
_DUE = {
    "sqlite": text(
        f"SELECT wanted.value, ({_NEXT.format(name='value')}) FROM json_each(:kinds) AS wanted"  # noqa: S608 (constants)
    ),
    "postgresql": text(
        f"SELECT wanted.kind, ({_NEXT.format(name='kind')}) "  # noqa: S608 (constants)
        "FROM unnest(CAST(:kinds AS text[])) AS wanted (kind)"
    ),
}
_IS_OF_ANOTHER_TIME = f"{IS_PENDING} AND {lease.IS_OF_ANOTHER_TIME.format(column='due_at')}"
_ANY_OF_ANOTHER_TIME = text(f"SELECT 1 FROM jobs WHERE {_IS_OF_ANOTHER_TIME} LIMIT 1")  # noqa: S608 (constants)
_PULL_BACK = text(
    f"UPDATE jobs SET {lease.PULL_BACK.format(column='due_at')} WHERE {_IS_OF_ANOTHER_TIME}"  # noqa: S608 (constants)
)


def next_due_us(connection: Connection, kinds: Sequence[str]) -> Mapping[str, int]:
    """When the next job of each of `kinds` is due, or was; kinds that have none are left out."""
    bound: Any = json.dumps(list(kinds)) if connection.dialect.name == "sqlite" else list(kinds)
    rows = connection.execute(_DUE[connection.dialect.name], {"kinds": bound})
    return {kind: due_at for kind, due_at in rows if due_at is not None}


def is_anything_of_another_time(connection: Connection, now_us: int) -> bool:
    """Whether a job waits for an instant that a clock decided which was ahead of this one: of another machine, or
    before it was set back.
    """
    return connection.execute(_ANY_OF_ANOTHER_TIME, _times(now_us)).first() is not None


def pull_back(connection: Connection, now_us: int) -> None:
    """Let such jobs wait for as long as was meant."""
    connection.execute(_PULL_BACK, _times(now_us))


def _times(now_us: int) -> Mapping[str, int]:
    return {"now_us": now_us, "limit_us": lease.limit_us(now_us)}
