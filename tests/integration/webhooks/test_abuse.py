"""What strangers try: memory, caches and paths hold their bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from sqlalchemy import insert, text

from gateway.db.scope import TenantMismatch
from gateway.events.models import Event
from gateway.server import environ, scope_reader
from gateway.server.body import BodyTooSlow, read_body
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest, code
from tests.services.slugs import UNGUESSABLE


def test_a_path_with_two_slashes_has_the_same_limit(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    body = b"x" * (gateway.settings.max_body_bytes + 1)
    answer = gateway.client.post("//webhooks/github", data=body, base_url="http://127.0.0.1")
    assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert gateway.events() == []


def test_the_error_of_a_filter_never_quotes_the_event(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github", "push", where="join(',', tags)")
    for number, tags in enumerate((r"card 4242", r"\ud800", r"a\u0000b")):
        answer = gateway.github(body=b'{"tags": "%s"}' % tags.encode(), key=str(number))
        assert answer.json["status"] == "accepted"
    details = {delivery.detail for delivery in gateway.deliveries()}
    assert details == {"\"join(',', tags)\" failed: join() takes array-string, not string"}


def test_long_header_names_are_not_remembered() -> None:
    before = set(environ._KEYS), set(scope_reader._names)
    scope = {
        "method": "POST",
        "path": "/webhooks/x",
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(b"x" * 70_000, b"1"), (b"x-never-seen-before", b"1")],
    }
    assert environ.environ_of(scope, b"")["HTTP_X_NEVER_SEEN_BEFORE"] == "1"
    assert scope_reader.header_pairs(scope)[1] == ("x-never-seen-before", "1")
    assert set(environ._KEYS) - before[0] <= {b"x-never-seen-before"}
    assert set(scope_reader._names) - before[1] <= {b"x-never-seen-before"}


def pieces(*bodies: bytes) -> Any:
    waiting = list(bodies)

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True}

    return receive


def test_a_body_that_never_ends_is_given_up() -> None:
    with pytest.raises(BodyTooSlow):
        asyncio.run(read_body({"headers": []}, pieces(b"a" * 60), 1000, seconds=0.05))


@pytest.mark.parametrize(("size", "is_oversized"), [(10, False), (11, True)])
def test_a_body_that_comes_in_one_piece_is_held_to_the_limit_too(size: int, is_oversized: bool) -> None:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    body = asyncio.run(read_body({"headers": []}, receive, 10))
    assert (len(body.data), body.is_oversized) == (0 if is_oversized else size, is_oversized)


def test_statements_that_no_tenant_rule_reaches_are_refused(gateway: GatewayUnderTest) -> None:
    statements = [
        Event.__table__.select(),
        text("SELECT * FROM events"),
        insert(Event).values(id="e", tenant_id="ten_other"),
    ]
    for statement in statements:
        with (
            gateway.database.tenant_session(DEFAULT_TENANT_ID, write=True) as session,
            pytest.raises(TenantMismatch),
        ):
            session.execute(statement)


def test_a_source_waits_a_day_for_its_secret_and_no_longer(gateway: GatewayUnderTest) -> None:
    gateway.source(UNGUESSABLE, "asana")
    gateway.clock.advance(24 * 3600 + 1)
    late = gateway.client.post(f"/webhooks/{UNGUESSABLE}", data=b"{}", headers={"X-Hook-Secret": "b" * 64})
    assert late.status_code == 401
    assert json.loads(late.data)["error"]["code"] == code(late)
