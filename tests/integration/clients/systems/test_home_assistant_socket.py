"""Home Assistant's WebSocket API against a server that plays its protocol."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from gateway.clients.auth.base import ApiKey, TokenAuth
from gateway.clients.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    DeadlineExceeded,
    IntegrationError,
    RequestRefused,
    Unavailable,
)
from gateway.clients.systems.home_assistant_commands import Commands
from gateway.clients.systems.home_assistant_feeds import Changed, EntityReader, Event, Fired, Gap, Removed, Snapshot
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clients.systems.home_assistant_values import Context
from gateway.clients.websocket.link import Link
from gateway.clients.websocket.observer import NullSocketObserver
from tests.integration.clients.conftest import LOOPBACK
from tests.services.home_assistant_server import HomeAssistantServer
from tests.services.websocket_server import cut, websocket_server
from tests.unit.clients.conftest import TOKEN


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def playing(server: HomeAssistantServer, **options: Any) -> AsyncIterator[HomeAssistantSocket]:
    given = {"policy": LOOPBACK, "allow_http": True, "sleep": at_once, "observer": NullSocketObserver()}
    async with (
        websocket_server(server.behave) as url,
        HomeAssistantSocket(
            url.replace("ws://", "http://").removesuffix("/stream"), **{"token": TOKEN} | given | options
        ) as home,
    ):
        yield home


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(bounded())


def test_commands() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            await home.ping()
            assert [state.entity_id for state in await home.states()] == ["light.hall"]
            called = await home.call_service("light", "turn_on", {"brightness": 9}, target={"area_id": "hall"})
            assert called.context.id == "01CALL"
            assert (await home.registry("device"))[0]["id"] == "d1"
            assert await home.render_template("{{ states('light.hall') }}") == "on"
            results = await asyncio.gather(*(home.command("get_config") for _ in range(20)))
            assert {one["state"] for one in results} == {"RUNNING"}
        heard = server.heard[0]
        assert [command["id"] for command in heard] == list(range(1, len(heard) + 1))
        assert heard[0]["type"] == "supported_features"
        sent = next(one for one in heard if one["type"] == "call_service")
        assert sent["service_data"] == {"brightness": 9}
        assert sent["target"] == {"area_id": "hall"}
        assert "return_response" not in sent

    run(work())


def test_a_template_that_fails_says_why() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            with pytest.raises(RequestRefused, match="division by zero") as caught:
                await home.render_template("{{ x / 0 }}")
            assert caught.value.call.vendor_code == "template_error"
            await home.ping()

    run(work())


class Tokens:
    """A source that has another token after each refusal."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def token(self) -> str:
        return self.tokens[0]

    def renew(self, refused: str) -> bool:
        if refused == self.tokens[0] and len(self.tokens) > 1:
            del self.tokens[0]
        return refused != self.tokens[0]


def test_a_token_is_renewed_once_when_it_is_refused() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server, token=Tokens("first", TOKEN, "third")) as home:
            await home.ping()
            # Each connection asks anew.
            server.token = "third"
            assert server.connection is not None
            cut(server.connection)
            await server.reached(lambda: len(server.logins) == 4)
            await home.ping()
        assert server.logins == ["first", TOKEN, TOKEN, "third"]
        refusing = HomeAssistantServer(TOKEN)
        with pytest.raises(AuthenticationFailed):
            async with playing(refusing, token=TokenAuth(Tokens("a-1", "a-2", TOKEN))):
                pass
        assert refusing.logins == ["a-1", "a-2"]
        with pytest.raises(AuthenticationFailed, match="hold no token"):
            async with playing(HomeAssistantServer(TOKEN), token=ApiKey("k", header="X-Key")):
                pass

    run(work())


def test_nobody_hears_of_an_answer_that_nobody_waits_for() -> None:
    class Lost:
        async def send(self, document: Any) -> None:
            if document["type"] == "ping":
                commands.lost()
                raise ConnectionFailed("the connection was cut")

    commands = Commands(1.0, tuple)
    heard: list[Any] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context["message"]))
        await commands.opened(cast("Link", Lost()))
        with pytest.raises(ConnectionFailed, match="was cut"):
            await commands.run("ping", {})
        gc.collect()

    run(work())
    assert heard == []


def test_a_token_that_is_not_taken() -> None:
    async def work() -> None:
        with pytest.raises(AuthenticationFailed, match="Invalid access token"):
            async with playing(HomeAssistantServer("another")):
                pass

    run(work())


@pytest.mark.parametrize(
    ("kind", "fields", "error", "code"),
    [
        ("nonsense", {}, RequestRefused, "unknown_command"),
        ("call_service", {"domain": "a", "service": "explode"}, Unavailable, "home_assistant_error"),
    ],
)
def test_commands_that_fail(kind: str, fields: dict[str, Any], error: type[IntegrationError], code: str) -> None:
    async def work() -> None:
        async with playing(HomeAssistantServer(TOKEN)) as home:
            with pytest.raises(error) as caught:
                await home.command(kind, **fields)
            assert caught.value.call.vendor_code == code
            assert TOKEN not in f"{caught.value}{caught.value.call}"
            await home.ping()

    run(work())


def test_entities_are_a_snapshot_and_what_changes() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            feed = home.entities()
            first = await anext(feed)
            assert isinstance(first, Snapshot)
            assert first.states["light.hall"].attributes["name"] == "Hall"
            await server.tell(
                "subscribe_entities",
                {
                    "c": {
                        "light.hall": {
                            "+": {"s": "on", "a": {"brightness": 9}, "c": {"id": "02", "parent_id": "01CALL"}},
                            "-": {"a": ["name"]},
                        }
                    }
                },
                {"r": ["light.hall"]},
            )
            changed = await anext(feed)
            assert isinstance(changed, Changed)
            assert (changed.state.state, changed.state.attributes) == ("on", {"brightness": 9})
            assert changed.state.context.follows_from("01CALL")
            assert await anext(feed) == Removed("light.hall")

    run(work())


def test_a_change_keeps_what_it_leaves_out_of_the_context() -> None:
    reader = EntityReader()
    first = {"s": "on", "a": {}, "c": {"id": "01", "parent_id": "00", "user_id": "u1"}, "lc": 1795786603.05}
    reader.read({"a": {"light.hall": first}})
    # As a server wrote them: an object has what is another than before; a text stands for an id alone.
    for diff, context in (
        ({"s": "off", "c": "02"}, Context("02", "00", "u1")),
        ({"s": "on", "c": {"id": "03", "user_id": "u2"}}, Context("03", "00", "u2")),
        ({"lu": 1795786604.0}, Context("03", "00", "u2")),
        ({"s": "off", "c": {"id": "04", "parent_id": None, "user_id": None}}, Context("04")),
    ):
        (changed,) = reader.read({"c": {"light.hall": {"+": diff}}})
        assert changed.state.context == context


def test_cut_twice_everything_is_subscribed_anew_with_a_fresh_snapshot() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            states, events, triggers = home.entities(), home.events(), home.triggers({"trigger": "sun"})
            assert isinstance(await anext(states), Snapshot)
            waiting = [asyncio.create_task(anext(events)), asyncio.create_task(anext(triggers))]
            for round_number in range(2):
                await server.reached(lambda: len(server.subscriptions) == 3)
                assert server.connection is not None
                cut(server.connection)
                assert isinstance(await anext(states), Snapshot)
                assert await asyncio.gather(*waiting) == [Gap(), Gap()]
                waiting = [asyncio.create_task(anext(events)), asyncio.create_task(anext(triggers))]
                assert len(server.heard) == round_number + 2
                assert server.heard[-1][0]["id"] == 1
            await server.reached(lambda: len(server.subscriptions) == 3)
            await server.tell("subscribe_events", {"event_type": "x", "data": {"n": 1}, "context": {"id": "c"}})
            await server.tell("subscribe_trigger", {"variables": {"trigger": {"platform": "sun"}}, "context": None})
            event, fired = await asyncio.gather(*waiting)
            assert isinstance(event, Event)
            assert (event.type, event.data) == ("x", {"n": 1})
            assert isinstance(fired, Fired)
            assert fired.trigger == {"platform": "sun"}

    run(work())


def test_a_malformed_message_is_survived() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            await home.ping()
            assert server.connection is not None
            for text in ('{"id": 1', "[7, null]", '{"type": "event", "id": 99, "event": {}}', '"x"'):
                await server.connection.send(text)
            await home.ping()
            assert len(server.heard) == 1

    run(work())


def test_subscriptions_wait_until_it_has_started() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        server.state = "STARTING"
        async with playing(server) as home:
            feed = home.triggers({"trigger": "sun"})
            waiting = asyncio.create_task(anext(feed))
            await server.reached(lambda: server.kinds(-1).count("get_config") == 2)
            assert "subscribe_trigger" not in server.kinds(-1)
            server.state = "RUNNING"
            await server.tell("subscribe_events", {"event_type": "homeassistant_started", "data": {}})
            await server.reached(lambda: "subscribe_trigger" in server.subscriptions)
            await server.tell("subscribe_trigger", {"variables": {"trigger": {"platform": "sun"}}})
            assert isinstance(await waiting, Fired)

    run(work())


def test_who_falls_behind_is_told_and_gets_a_fresh_snapshot() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server, max_waiting=10) as home:
            feed = home.entities()
            await anext(feed)
            await server.tell("subscribe_entities", *[{"r": [f"light.{n}"]} for n in range(11)])
            await home.ping()
            assert isinstance(await anext(feed), Snapshot)
            assert server.kinds(0).count("subscribe_entities") == 2
            assert server.kinds(0).count("unsubscribe_events") == 1

    run(work())


def test_a_lost_connection_fails_what_waits_and_says_that_it_may_have_happened() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        server.silent = {"call_service"}
        async with playing(server, command_seconds=0.5) as home:
            calling = asyncio.create_task(home.call_service("light", "turn_on"))
            await server.reached(lambda: "call_service" in server.kinds(-1))
            assert server.connection is not None
            cut(server.connection)
            with pytest.raises(ConnectionFailed) as caught:
                await calling
            assert caught.value.call.may_have_happened
            await home.ping()
        async with playing(server, command_seconds=0.05) as home:
            with pytest.raises(DeadlineExceeded):
                await home.call_service("light", "turn_on")

    run(work())


def test_a_token_that_is_revoked_ends_every_feed_and_command() -> None:
    async def work() -> None:
        server = HomeAssistantServer(TOKEN)
        async with playing(server) as home:
            feed = home.entities()
            await anext(feed)
            server.token = "another"
            assert server.connection is not None
            cut(server.connection)
            with pytest.raises(AuthenticationFailed):
                await anext(feed)
            with pytest.raises(AuthenticationFailed):
                await home.ping()

    run(work())
