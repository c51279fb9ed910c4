"""Destinations that authenticate with a connection: its token goes along, and while it has none, deliveries wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import update

from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.delivery.destinations import grants as known_grants
from gateway.delivery.destinations.changes import DestinationChange
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.loader import load_destinations
from gateway.delivery.destinations.management import add_destination, change_destination
from gateway.delivery.destinations.rows import DestinationDefaults
from gateway.delivery.destinations.search import show_destination
from gateway.delivery.sending import grants as sending_grants
from gateway.delivery.sending.grants import Grant, GrantBroken
from gateway.errors import InvalidInput, StorageUnavailable
from gateway.installation import Installation
from gateway.oauth.connections.store import change_state
from gateway.oauth.models import Connection
from gateway.oauth.states import USABLE, ConnectionState
from gateway.out_of_order import OutOfOrderCode
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER, add_tenant

from .conftest import Queue
from .sinks import Sink
from .test_worker import all_are, make_worker, until, working

CONNECTION = "conn_1"


class Tokens:
    """The connections of a worker: gives one token after the other, or says what is the matter."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.trouble: Exception | None = None
        self.asked = 0

    def at_hand(self, tenant_id: str, connection_id: str, url: str) -> Grant | None:
        return None

    def get(self, tenant_id: str, connection_id: str, url: str) -> Grant:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return Grant(self.tokens[0], [("Authorization", f"Bearer {self.tokens[0]}")])

    def renewed(self, tenant_id: str, connection_id: str, url: str, refused: Grant) -> bool:
        if len(self.tokens) == 1:
            return False
        self.tokens.pop(0)
        return True


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    with Installation(settings) as made:
        yield made


def connect(acting: Acting, connection_id: str = CONNECTION) -> Connection:
    now = acting.now
    row = Connection(
        id=connection_id,
        provider="github",
        way="api_key",
        state=ConnectionState.CONNECTED,
        scopes_asked=[],
        parameters={},
        kept={},
        scheduled_at=now,
        connected_at=now,
        created_at=now,
        updated_at=now,
    )
    acting.session.add(row)
    acting.session.flush()
    return row


def targets(installation: Installation) -> Any:
    with installation.database.system_session() as session:
        return load_destinations(
            session, installation.keyring, DestinationDefaults(), now_us=installation.clock.now_us()
        )


def test_the_states_are_those_of_connections() -> None:
    assert set(known_grants.USABLE_STATES) == set(USABLE)


def test_a_broken_connection_holds_its_destination_and_no_other(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        connect(acting)
        add_destination(acting, DestinationDraft("crm", "http://127.0.0.1:9/", connection=CONNECTION))
        add_destination(acting, DestinationDraft("other", "http://127.0.0.1:9/"))
        assert show_destination(acting, "crm").connection == CONNECTION
    assert len(targets(installation).targets) == 2
    with act(installation, actor=TESTER, write=True) as acting:
        row = acting.session.get_one(Connection, CONNECTION)
        needed = ConnectionState.NEEDS_REAUTH
        change_state(acting.session, installation, row, needed, reason="grant_refused", detail=None, now=acting.now)
        shown = show_destination(acting, "crm")
    assert shown.state == "waits for its connection"
    loaded = targets(installation)
    [held] = loaded.out_of_order.values()
    assert (held.name, held.code) == ("crm", OutOfOrderCode.CONNECTION_BROKEN)
    assert [one.name for one in loaded.targets.values()] == ["other"]
    with act(installation, actor=TESTER, write=True) as acting:
        row = acting.session.get_one(Connection, CONNECTION)
        change_state(
            acting.session, installation, row, ConnectionState.CONNECTED, reason=None, detail=None, now=acting.now
        )
    assert len(targets(installation).targets) == 2


def test_only_a_connection_of_the_tenant_that_is_not_revoked_can_be_named(installation: Installation) -> None:
    add_tenant(installation.database, installation.clock, "rival")
    with act(installation, actor=TESTER, tenant="rival", write=True) as rival:
        connect(rival)
    with act(installation, actor=TESTER, write=True) as acting:
        with pytest.raises(InvalidInput, match="no connection 'conn_1'"):
            add_destination(acting, DestinationDraft("crm", "http://127.0.0.1:9/", connection=CONNECTION))
        row = connect(acting, "conn_2")
        row.state = ConnectionState.REVOKED
        acting.session.flush()
        with pytest.raises(InvalidInput, match="was revoked"):
            add_destination(acting, DestinationDraft("crm", "http://127.0.0.1:9/", connection="conn_2"))
        own = ("Authorization", "Bearer mine")
        with pytest.raises(InvalidInput, match="give one of the two"):
            add_destination(acting, DestinationDraft("x", "http://127.0.0.1:9/", headers=[own], connection="conn_3"))
        add_destination(acting, DestinationDraft("crm", "http://127.0.0.1:9/"))
        connect(acting, "conn_4")
        change_destination(acting, "crm", DestinationChange(connection="conn_4"))
        assert change_destination(acting, "crm", DestinationChange(connection=None)).connection is None


def attempts(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar_one())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_token_goes_along_and_one_that_is_refused_is_renewed_once(database: Database) -> None:
    queue, tokens = Queue(database, SystemClock()), Tokens("old", "new")

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if request.headers["Authorization"] == "Bearer new" else 401)

    sink = Sink(answer)

    async def go() -> None:
        async with sink.running():
            queue.add(queue.destination(url=sink.url, connection_id=CONNECTION))
            async with working(make_worker(queue, grants=tokens)):
                await until(all_are(queue, "delivered"))

    asyncio.run(go())
    assert [one.header("authorization") for one in sink.received] == ["Bearer old", "Bearer new"]
    assert attempts(database) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_while_the_connection_is_broken_no_attempt_is_burnt(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_grants, "BROKEN_PAUSE_SECONDS", 0.01)
    queue, tokens = Queue(database, SystemClock()), Tokens("only")
    tokens.trouble = GrantBroken("the customer has to connect again")
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            queue.add(queue.destination(url=sink.url, connection_id=CONNECTION), 3)
            async with working(make_worker(queue, grants=tokens)):
                await until(lambda: tokens.asked >= 6)
                assert attempts(database) == 0
                tokens.trouble = None
                await until(all_are(queue, "delivered"))

    asyncio.run(go())
    assert attempts(database) == len(sink.received) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_trouble_that_may_pass_is_an_attempt_like_any_other(database: Database) -> None:
    queue, tokens = Queue(database, SystemClock()), Tokens("only")
    tokens.trouble = StorageUnavailable("the provider does not answer")

    async def go() -> None:
        queue.add(queue.destination(connection_id=CONNECTION))
        async with working(make_worker(queue, grants=tokens)):
            await until(lambda: attempts(database) == 1)

    asyncio.run(go())
    with database.read() as connection:
        error = connection.exec_driver_sql("SELECT error FROM attempts").scalar_one()
    assert error == "there is no token: the provider does not answer"


def test_workers_look_again_when_a_connection_that_is_used_changes(installation: Installation) -> None:
    def revision() -> int:
        with installation.database.read() as connection:
            found = connection.exec_driver_sql("SELECT value FROM revisions WHERE name = 'destinations'")
            return int(found.scalar_one())

    with act(installation, actor=TESTER, write=True) as acting:
        connect(acting)
        connect(acting, "conn_2")
        add_destination(acting, DestinationDraft("crm", "http://127.0.0.1:9/", connection=CONNECTION))
    before = revision()
    with act(installation, actor=TESTER, write=True) as acting:
        acting.session.execute(update(Connection).values(detail="looked at"))
        known_grants.connection_changed(acting.session, ["conn_2"])
    assert revision() == before
    with act(installation, actor=TESTER, write=True) as acting:
        known_grants.connection_changed(acting.session, [CONNECTION])
    assert revision() > before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_route_hands_a_token_over_and_holds_nothing_up_without_one(database: Database) -> None:
    queue, tokens = Queue(database, SystemClock()), Tokens("theirs")
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            target = queue.destination(url=sink.url)
            [first] = queue.add(target)
            with database.write() as connection:
                connection.exec_driver_sql("UPDATE deliveries SET route_id = 'rte_1'")
            routing = replace(queue.routing(), connections={"rte_1": CONNECTION})
            async with working(make_worker(queue, grants=tokens, routing=lambda: routing)):
                await until(all_are(queue, "delivered"))
                tokens.trouble = GrantBroken("the customer has to connect again")
                queue.add(target)
                with database.write() as connection:
                    connection.exec_driver_sql("UPDATE deliveries SET route_id = 'rte_1'")
                await until(lambda: len(sink.received) == 2 and all_are(queue, "delivered")())
            assert first == sink.received[0].header("webhook-id")

    asyncio.run(go())
    assert [one.header("gateway-access-token") for one in sink.received] == ["theirs", None]
    assert sink.received[0].header("authorization") is None
