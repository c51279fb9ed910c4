"""Writing new deliveries: one statement for many rows, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.db.drivers import SQLITE_ROWS, postgres_arrays, postgres_driver, sqlite_driver
from gateway.delivery.models import DeliveryState


class DeliveryRow(NamedTuple):
    """A delivery about to be stored. Instants in microseconds; `state` is pending, or dead with a reason at birth."""

    id: str
    tenant_id: str
    event_id: str
    destination_id: str
    route_id: str | None
    state: str
    next_attempt_at: int
    created_at: int
    # From here on what most deliveries do not have.
    ordering_key: str | None = None
    finished_at: int | None = None
    reason: str | None = None
    detail: str | None = None
    payload: bytes | None = None

    def is_due(self, now_us: int) -> bool:
        """Whether a worker may try it now."""
        return self.state == DeliveryState.PENDING and self.next_attempt_at <= now_us

    def at(self, now_us: int) -> DeliveryRow:
        """The same, made now: its event may be from last week, and it must not go before what came since."""
        finished_at = None if self.finished_at is None else now_us
        return self._replace(created_at=now_us, next_attempt_at=now_us, finished_at=finished_at)


_FIELDS = DeliveryRow._fields
_COLUMNS = ", ".join(_FIELDS)
_USUAL = _FIELDS.index("ordering_key")
_NOTHING_MORE = (None,) * (len(_FIELDS) - _USUAL)
# Arrays of bytes go in binary; see `gateway.events.append`.
_POSTGRES_ROWS = (
    f"INSERT INTO deliveries ({_COLUMNS}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
    "SELECT r.*, r.created_at, 0, 0 FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], "
    "%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %b::bytea[]) "
    f"AS r ({_COLUMNS}) "
)
POSTGRES_INSERT = f"{_POSTGRES_ROWS} ON CONFLICT DO NOTHING"
"""Takes `postgres_arrays` of the rows."""
POSTGRES_INSERT_FOR_NEW = f"{_POSTGRES_ROWS} JOIN new ON new.id = r.event_id ON CONFLICT DO NOTHING"
"""The same for a statement with a part `new`, the ids of events: other events' rows are left out."""


@cache
def _sqlite_insert(fields: int, rows: int) -> str:
    """For so many fields, the first ones, of so many rows; each is followed by `scheduled_at`."""
    values = f"({'?,' * (fields + 1)}0,0)"
    return (
        f"INSERT INTO deliveries ({', '.join(_FIELDS[:fields])}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
        f"VALUES {','.join([values] * rows)} ON CONFLICT DO NOTHING"
    )


def insert_deliveries(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Store `rows`; a row whose id stands there already is left as it is, so that a transaction may be repeated."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        driver = sqlite_driver(connection)
        for start in range(0, len(rows), SQLITE_ROWS):
            part = rows[start : start + SQLITE_ROWS]
            # Python's driver takes its time to find out that a None needs no adapter.
            is_usual = all(row[_USUAL:] == _NOTHING_MORE for row in part)
            fields = _USUAL if is_usual else len(_FIELDS)
            values = list(chain.from_iterable((*row[:fields], row.created_at) for row in part))
            driver.execute(_sqlite_insert(fields, len(part)), values)
        return
    postgres_driver(connection).execute(POSTGRES_INSERT, postgres_arrays(rows, DeliveryRow))
