"""A past: finished events with their deliveries and attempts, written straight into the tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import create_engine

from benchmarks.queue_filler import entry
from benchmarks.samples import SignedBody, delivery_ids, signed_bodies
from benchmarks.servers import GatewayUnderTest
from gateway.security.identifiers import earliest_id

PAST_SECONDS = 29 * 86_400
BATCH = 20_000
ATTEMPT_COLUMNS = ("delivery_id", "number", "tenant_id", "started_at", "duration_ms", "outcome", "status")

# Of an id, after its clock.
RANDOM_CHARACTERS = 12

Rows = dict[str, list[tuple[object, ...]]]


def fill_history(subject: GatewayUnderTest, count: int, *, body_bytes: int) -> None:
    """`count` delivered events, spread over the last 29 days. `body_bytes` below 4096 saves disk and time."""
    past = _past(subject, count, body_bytes)
    columns = _columns(subject, body_bytes)
    engine = create_engine(subject.database_url)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        while batch := list(islice(past, BATCH)):
            rows: Rows = {table: [one[table] for one in batch] for table in columns}
            write_rows(engine.dialect.name, driver, columns, rows)
            driver.commit()
    engine.dispose()


def write_rows(dialect: str, driver: Any, columns: dict[str, tuple[str, ...]], rows: Rows) -> None:
    """Rows of `columns` by their table, by a driver's connection, in the quickest way that there is."""
    write = _write_sqlite if dialect == "sqlite" else _write_postgres
    write(driver, columns, rows)


def _past(subject: GatewayUnderTest, count: int, body_bytes: int) -> Iterator[dict[str, tuple[object, ...]]]:
    keys = delivery_ids()
    bodies = signed_bodies(size_bytes=max(body_bytes, 1))
    start_us = time.time_ns() // 1000 - PAST_SECONDS * 1_000_000
    step_us = PAST_SECONDS * 1_000_000 // count
    for number in range(count):
        signed = bodies[number % len(bodies)]
        yield _finished(
            subject, SignedBody(signed.body[:body_bytes], signed.headers), next(keys), start_us + number * step_us
        )


def _finished(subject: GatewayUnderTest, signed: SignedBody, key: str, at_us: int) -> dict[str, tuple[object, ...]]:
    event, (delivery,), _ = entry(subject, signed, key)
    event = event._replace(id=_id_of("evt", event.id, at_us), received_at=at_us)
    delivery = delivery._replace(
        id=_id_of("dlv", delivery.id, at_us),
        event_id=event.id,
        state="delivered",
        next_attempt_at=at_us,
        created_at=at_us,
        finished_at=at_us + 20_000,
    )
    return {
        "events": event,
        "deliveries": (*delivery, at_us, 1, 0),
        "attempts": (delivery.id, 1, subject.tenant_id, at_us + 5_000, 12, "delivered", 200),
    }


def _id_of(prefix: str, made_now: str, at_us: int) -> str:
    """An id as it would have been made at `at_us`: its clock, and the random part of one that was made now."""
    return earliest_id(prefix, at_us)[:-RANDOM_CHARACTERS] + made_now[-RANDOM_CHARACTERS:]


def _columns(subject: GatewayUnderTest, body_bytes: int) -> dict[str, tuple[str, ...]]:
    event, (delivery,), _ = entry(subject, signed_bodies(count=1, size_bytes=max(body_bytes, 1))[0], "")
    return {
        "events": event._fields,
        "deliveries": (*delivery._fields, "scheduled_at", "attempts_made", "schedule_position"),
        "attempts": ATTEMPT_COLUMNS,
    }


def _write_sqlite(driver: Any, columns: dict[str, tuple[str, ...]], rows: Rows) -> None:
    for table, names in columns.items():
        marks = ",".join("?" * len(names))
        driver.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows[table])


def _write_postgres(driver: Any, columns: dict[str, tuple[str, ...]], rows: Rows) -> None:
    with driver.cursor() as cursor:
        for table, names in columns.items():
            with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows[table]:
                    copy.write_row(row)
