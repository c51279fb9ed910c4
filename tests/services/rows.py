"""Events and deliveries as ingest and the worker leave them, of any age, for tests of what reads and removes them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, update

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.delivery.models import Attempt, Delivery, DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.events.append import EventRow, append_events
from gateway.jobs.models import Job, JobState, Schedule
from gateway.security.identifiers import ALPHABET, earliest_id
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rejections.models import Rejection

HEADERS = [["Content-Type", "application/json"], ["Authorization", "Bearer very-secret-token"]]


def id_at(prefix: str, at: datetime) -> str:
    """An id as it would have been made at `at`."""
    return earliest_id(prefix, to_us(at))[:-12] + "".join(secrets.choice(ALPHABET) for _ in range(12))


def store_event(
    database: Database,
    at: datetime,
    *,
    source: str = "github",
    source_id: str = "src_test",
    type: str | None = "push",
    body: bytes = b'{"ref":"main"}',
    states: Sequence[DeliveryState] = (),
    destination_id: str = "dst_test",
    tenant_id: str = DEFAULT_TENANT_ID,
    attempts: int = 0,
    dedupe_key: str | None = None,
    headers: Sequence[Sequence[str]] = HEADERS,
) -> str:
    """An event that came at `at`, with one delivery per state and `attempts` failed attempts of each; its id."""
    event = EventRow(
        id=id_at("evt", at),
        tenant_id=tenant_id,
        source_id=source_id,
        source=source,
        provider=source,
        type=type,
        dedupe_key=dedupe_key,
        received_at=to_us(at),
        request_id="req_test",
        method="POST",
        url="http://127.0.0.1:8000/webhooks/github",
        content_type="application/json",
        body_bytes=len(body),
        headers=json.dumps(headers).encode(),
        body=body,
    )
    with database.write() as connection:
        append_events(connection, [event])
        for state in states:
            row = _delivery(event, state, destination_id, at)
            insert_deliveries(connection, [row])
            connection.execute(update(Delivery.__table__).where(Delivery.id == row.id).values(attempts_made=attempts))
            for number in range(1, attempts + 1):
                connection.execute(
                    insert(Attempt.__table__).values(
                        tenant_id=tenant_id,
                        delivery_id=row.id,
                        number=number,
                        started_at=at,
                        duration_ms=12,
                        outcome="retryable",
                        status=503,
                        error=None,
                        response_excerpt="busy \x1b[31mnow",
                    )
                )
    return event.id


def store_rejection(
    database: Database,
    at: datetime,
    *,
    source: str = "github",
    source_id: str = "src_test",
    tenant_id: str = DEFAULT_TENANT_ID,
) -> str:
    """A rejection of a request that came at `at`; its id."""
    rejection_id = id_at("rej", at)
    with database.write() as connection:
        connection.execute(
            insert(Rejection.__table__).values(
                id=rejection_id,
                tenant_id=tenant_id,
                source_id=source_id,
                source=source,
                reason="signature_mismatch",
                detail="no secret matches",
                received_at=at,
                request_id="req_1",
                client_address="192.0.2.1",
                method="POST",
                url="http://127.0.0.1:8000/webhooks/github",
                headers=b'[["X-Hub-Signature-256","sha256=very-secret"]]',
                body=b"hello",
                body_bytes=5,
            )
        )
    return rejection_id


def store_schedule(
    database: Database, at: datetime, name: str, *, tenant_id: str = DEFAULT_TENANT_ID, **values: object
) -> str:
    """A schedule that is due at `at`, every minute; its id."""
    row = {
        "id": id_at("sch", at),
        "tenant_id": tenant_id,
        "name": name,
        "kind": "tests.plain",
        "payload": {"n": 1},
        "every_seconds": 60,
        "jitter_seconds": 0,
        "is_paused": False,
        "next_at": at,
        "created_at": at,
        "scheduled_at": at,
        **values,
    }
    with database.write() as connection:
        connection.execute(insert(Schedule.__table__).values(row))
    return str(row["id"])


def store_job(
    database: Database,
    at: datetime,
    state: JobState = JobState.PENDING,
    *,
    tenant_id: str = DEFAULT_TENANT_ID,
    **values: object,
) -> str:
    """A job that was asked for at `at`, and has come half the way; its id."""
    row = {
        "id": id_at("job", at),
        "tenant_id": tenant_id,
        "kind": "tests.plain",
        "payload": {"n": 1},
        "state": state,
        "due_at": at,
        "attempts_made": 0,
        "deaths": 0,
        "is_local": False,
        "progress_done": 5,
        "progress_total": 10,
        "progress_line": "half of it",
        "asker_kind": "command_line",
        "asker_name": "somebody",
        "created_at": at,
        "scheduled_at": at,
        **values,
    }
    with database.write() as connection:
        connection.execute(insert(Job.__table__).values(row))
    return str(row["id"])


def _delivery(event: EventRow, state: DeliveryState, destination_id: str, at: datetime) -> DeliveryRow:
    finished = state not in (DeliveryState.PENDING, DeliveryState.LEASED)
    return DeliveryRow(
        id=id_at("dlv", at),
        tenant_id=event.tenant_id,
        event_id=event.id,
        destination_id=destination_id,
        route_id=None,
        state=state,
        ordering_key=None,
        next_attempt_at=to_us(at),
        created_at=to_us(at),
        finished_at=to_us(at) if finished else None,
        reason="exhausted" if state is DeliveryState.DEAD else None,
        detail=None,
        payload=None,
    )
