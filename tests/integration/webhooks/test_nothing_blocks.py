"""What runs on the event loop opens no file, no socket and no database, whatever comes of a webhook."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from gateway.clock import from_us
from gateway.tenants.models import Tenant
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest

# A server of threads may block.
pytestmark = pytest.mark.parametrize("gateway", ["loop"], indirect=True)

BLOCKING = ("open", "os.", "socket.", "sqlite3.", "subprocess.", "shutil.", "fcntl.", "urllib.", "import", "ssl.")


class Watch:
    """Notes what the watched thread does that may block. Python's audit hooks cannot be taken away, so there is one."""

    def __init__(self) -> None:
        self._thread: int | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._audit)

    @contextmanager
    def on_this_thread(self) -> Iterator[None]:
        """Watch inside the block."""
        self.seen = []
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None

    def note(self, what: str) -> None:
        """Something happened; it counts if it was in the watched thread."""
        if threading.get_ident() == self._thread:
            self.seen.append(what)

    def _audit(self, name: str, arguments: Any) -> None:
        if self._thread is not None and name.startswith(BLOCKING):
            self.note(f"{name} {arguments}")


WATCH = Watch()


@pytest.fixture
def watched(gateway: GatewayUnderTest) -> GatewayUnderTest:
    """A gateway that has served once, so that everything it needs to know is in memory."""
    gateway.source("github", "github", SECRET)
    gateway.source("slack", "slack", "8f742231b10e8888abcd99yyyzzz85a5")
    gateway.source("off", "github", SECRET)
    gateway.route("github", "push", name="plain")
    gateway.route("github", "push", name="shaped", where="ref == 'main'", transform="{branch: ref}")
    assert gateway.github(key="first").status_code == 200
    engine = gateway.database.engine

    def used(*_arguments: object) -> None:
        WATCH.note("the database")

    for name in ("checkout", "begin", "before_cursor_execute"):
        event.listen(engine, name, used)
    return gateway


def test_a_webhooks_way_blocks_nowhere(watched: GatewayUnderTest) -> None:
    with WATCH.on_this_thread():
        answers = [
            watched.github(key="new", body=b'{"ref": "main"}'),
            watched.github(key="new", body=b'{"ref": "main"}'),
            watched.github(key="failing", body=b"no JSON, so that a route fails"),
            watched.github(key="forged", secret="another one"),
            watched.github("nobody", key="lost"),
            watched.github(key="large", body=b"x" * 6_000_000),
            watched.client.delete("/webhooks/github"),
            watched.client.post("/webhooks/slack", json={"type": "url_verification", "challenge": "abc"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 404, 413, 405, 401]
    assert WATCH.seen == []


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_the_first_webhook_is_no_page_and_leaves_the_writer_its_priority(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    assert gateway.github().status_code == 200
    writers = [one.native_id for one in threading.enumerate() if one.name in {"group-commit", "snapshot"}]
    assert len(writers) >= 2
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert {os.getpriority(os.PRIO_PROCESS, writer) for writer in writers if writer} == {own}


def test_the_watch_sees_what_blocks(watched: GatewayUnderTest) -> None:
    with WATCH.on_this_thread():
        with open(__file__):
            pass
        with watched.database.read():
            pass
    assert any(seen.startswith("open") for seen in WATCH.seen)
    assert "the database" in WATCH.seen


def test_what_a_tenant_may_do_is_known_without_asking(watched: GatewayUnderTest) -> None:
    states: dict[int, Callable[[Tenant], object]] = {
        200: lambda tenant: setattr(tenant, "limits", {"events_per_second": 0.1, "stored_bytes": 9, "sources": 9}),
        429: lambda _tenant: None,
        503: lambda tenant: setattr(tenant, "suspended_at", from_us(1)),
        404: lambda tenant: setattr(tenant, "erasing_at", from_us(1)),
    }
    for status, change in states.items():
        with watched.database.system_session(write=True) as session:
            change(session.scalars(select(Tenant)).one())
        watched.refresh()
        with WATCH.on_this_thread():
            answer = watched.github(key=f"d-{status}")
        assert (answer.status_code, WATCH.seen) == (status, [])
