"""What anybody may put into a queue, read by Celery's consumer of a real broker: each is dropped, and it reads on."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from celery.worker import WorkController, state
from kombu import Connection

from gateway.announcing.broker_settings import connection_options
from gateway.announcing.link import Link
from gateway.announcing.message import as_task, ping_message
from gateway.announcing.names import DELIVER, DELIVERIES
from gateway.config import Settings
from gateway.engines.celery_engine.app import make_app
from gateway.engines.celery_engine.engine import Engine
from gateway.engines.celery_engine.process import WorkerProcess
from gateway.engines.celery_engine.step import GatewayStep
from gateway.installation import Installation
from gateway.security.identifiers import new_id
from tests.services.waiting import until

WHOLE = b"[[], {}, {}]"
HEADERS = {"lang": "py", "id": "1", "task": DELIVER, "root_id": "1", "retries": 0, "timelimit": [None, None]}


@dataclass
class Heard(WorkerProcess):
    """A process that only counts."""

    refused: Counter[str] = field(default_factory=Counter)
    times_consumed: int = 0

    def consumed(self) -> None:
        self.times_consumed += 1

    def refuse(self, reason: str) -> None:
        self.refused[reason] += 1


@pytest.fixture
def heard(broker_url: str) -> Iterator[Heard]:
    """Celery's worker with our consumer, in a thread; there is nothing that it could hand over to."""
    with closing(Link(broker_url, origin="test")) as link:
        # Makes the queue: what is sent to none is lost.
        link.waiting(DELIVERIES)
    process = Heard(lambda: nullcontext(None))  # type: ignore[arg-type]
    app = make_app(lambda: Settings(broker_url=broker_url), process)
    app.steps["worker"].remove(GatewayStep)
    worker = WorkController(app=app, hostname=f"{uuid.uuid4().hex}@test", queues=[DELIVERIES], without_heartbeat=True)

    def run() -> None:
        # Which application is the current one is told to each thread.
        app.set_current()
        worker.start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield process
    was_alive = thread.is_alive()
    state.should_stop = 0
    thread.join(30)
    state.should_stop = None
    assert was_alive
    assert not thread.is_alive()


def put(broker_url: str, body: bytes, headers: dict[str, Any]) -> None:
    with Connection(broker_url, **connection_options(broker_url, publishes=True)) as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=DELIVERIES,
            headers=headers,
            content_type="application/json",
            content_encoding="utf-8",
        )


MALFORMED: list[tuple[bytes, dict[str, Any]]] = [
    (WHOLE, {name: value for name, value in HEADERS.items() if name != "id"}),
    *((WHOLE, HEADERS | {"id": value}) for value in (["1"], {"1": 1})),
    *((WHOLE, HEADERS | {"task": value}) for value in ([DELIVER], {"name": DELIVER})),
    *((body, HEADERS) for body in (b"5", b"null", b"{}", b"[1]")),
    *((body, {}) for body in (b"5", b"null", b"[1]", b'{"task": []}', b'{"task": "gateway.deliver"}')),
    (WHOLE, HEADERS | {"eta": "soon"}),
    (WHOLE, HEADERS | {"expires": {}}),
    (WHOLE, HEADERS | {"timelimit": 5}),
]


def test_each_is_dropped_and_counted_and_what_follows_is_read(broker_url: str, heard: Heard) -> None:
    for number, (body, headers) in enumerate(MALFORMED, start=1):
        put(broker_url, body, headers)
        until(lambda: heard.refused.total() == number, lambda: (body, headers, heard.refused))  # noqa: B023
        assert heard.times_consumed == number - 1
        good, good_headers, _ = as_task(ping_message(DELIVERIES), origin="test")
        put(broker_url, json.dumps(good).encode(), good_headers)
        until(lambda: heard.times_consumed == number, lambda: (body, headers))  # noqa: B023
    assert heard.refused.total() == len(MALFORMED)


@pytest.mark.parametrize(
    "ids", [["\0"], ["\ud800"], ["dlv_"], ["dlv_" + "0" * 99], ["dlv_1", "evt_1"], [1], {}, "dlv_1"]
)
def test_what_cannot_be_a_delivery_never_reaches_the_database(ids: object) -> None:
    with Installation(Settings()) as installation:
        engine = Engine(
            installation,
            queues=(),
            shutdown_deadline_seconds=1,
            handler_processes=1,
            job_slots=1,
            on_end=lambda: None,
        )
        assert not engine.deliver(ids)
        assert engine.deliver([new_id("dlv")])
