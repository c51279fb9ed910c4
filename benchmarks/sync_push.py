"""Pushing: how many local edits a second, against bare requests with as many in flight."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import requests
import structlog
from sqlalchemy import insert

from benchmarks.databases import count_rows, gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.report import Row, Target
from benchmarks.sync import fill, opened, peer_of, require, timed
from benchmarks.sync_subject import INSTANCE, push_all
from gateway.clients.client import ApiClient
from gateway.entities.models import LocalChange
from gateway.entities.store.known import ENTITIES
from gateway.entities.store.writing import change_entities
from gateway.installation import Installation
from gateway.security.identifiers import new_id

EDITS = 10_000
IN_FLIGHT = 8
PUSH_TARGET = Target(0.7)


def measure_push(options: Options) -> list[Row]:
    """Rows for every database."""
    # As a gateway runs: a call that went well has no line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    return [row for kind in options.databases for row in _pushes(kind, options)]


def _pushes(kind: str, options: Options) -> Sequence[Row]:
    pushed: list[float] = []
    bare: list[float] = []
    with workplace() as (children, directory), peer_of(children, directory) as peer:
        for number in range(options.runs):
            with gateway_database(kind, directory) as url, opened(url) as installation:
                fill(installation, EDITS)
                _edit_all(installation)
                settle(url)
                bare.append(EDITS / timed(lambda: _bare(peer)))
                with ApiClient(peer, allow_http=True, policy=installation.policy) as client:
                    pushed.append(EDITS / timed(lambda: push_all(installation, client, in_flight=IN_FLIGHT)))
                require(count_rows(url, "entity_changes", "state = 'done'") == EDITS, "an edit was not sent")
            progress(f"sync push {kind} run {number + 1}: {pushed[-1]:.0f}/s; bare {bare[-1]:.0f}/s")
    return (
        Row(f"push of {EDITS} edits, {IN_FLIGHT} in flight ÷ bare requests", kind, "/s", pushed, bare, PUSH_TARGET),
    )


def _edit_all(installation: Installation) -> None:
    """One edit of each entity, as people leave them."""
    now = installation.now()
    times = {"created_at": now, "next_attempt_at": now, "scheduled_at": now}
    with installation.database.write() as connection:
        rows = connection.execute(
            ENTITIES.select().with_only_columns(ENTITIES.c.id, ENTITIES.c.tenant_id, ENTITIES.c.attributes)
        ).all()
        change_entities(
            connection,
            [{"id": row[0], "attributes": {**row[2], "company": "Edited"}, "base": row[2]} for row in rows],
        )
        edits = [
            {
                "id": new_id("chg"),
                "tenant_id": row[1],
                "instance_id": INSTANCE,
                "entity_id": row[0],
                "operation": "update",
                "fields": {"company": "Edited"},
                "idempotency_key": new_id("push"),
                "state": "pending",
                "attempts_made": 0,
                "actor_kind": "command_line",
                "actor_name": "bench",
                **times,
            }
            for row in rows
        ]
        connection.execute(insert(LocalChange.__table__), edits)


def _bare(peer: str) -> None:
    local = threading.local()

    def send(number: int) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        headers = {"If-Match": "1", "Idempotency-Key": f"key-{number}"}
        url = f"{peer}/contacts/c{number:08d}"
        local.session.patch(url, json={"company": "Edited"}, headers=headers, timeout=30).json()

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(send, range(EDITS)))
