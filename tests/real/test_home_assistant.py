"""The client of Home Assistant against Home Assistant: every method, and a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from gateway.clients import errors
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.home_assistant import HomeAssistant
from gateway.clients.systems.home_assistant_feeds import Changed, Event, Feed, Fired, Gap, Snapshot
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clients.systems.home_assistant_values import State
from tests.real.home_assistant import HERE, Installation
from tests.real.servers import named
from tests.services.waiting import until

PYTHON = named("GATEWAY_TEST_HOME_ASSISTANT", "home-assistant")
HALL = {"entity_id": "input_boolean.hall"}
LEVEL = {"entity_id": "input_number.level"}
QUICKLY = RetryPolicy(max_tries=1000, longest_pause_seconds=0.5)
SECONDS = 120.0
Kind = TypeVar("Kind")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Home Assistant that runs, and has an owner."""
    made = Installation(PYTHON, tmp_path_factory.mktemp("home-assistant"))
    try:
        made.start()
        made.onboard()
        made.wait_until_started()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def home(installation: Installation) -> Iterator[HomeAssistant]:
    made = HomeAssistant(installation.url, installation.tokens, **HERE)
    yield made
    made.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, SECONDS))


def test_states(home: HomeAssistant) -> None:
    home.check()
    assert home.config()["time_zone"] == "Europe/Berlin"
    assert {"input_boolean.hall", "input_number.level", "sensor.double"} <= {one.entity_id for one in home.states()}
    assert home.state("input_boolean.hall").attributes["friendly_name"] == "Hall"
    made = home.set_state("sensor.made", "5", {"unit": "x"})
    assert (made.state, made.attributes) == ("5", {"unit": "x"})
    assert made.last_changed is not None
    assert made.last_changed.tzinfo is not None
    home.remove_state("sensor.made")
    for act in (home.state, home.remove_state):
        with pytest.raises(errors.RemoteNotFound, match="Entity not found"):
            act("sensor.made")


def test_services(home: HomeAssistant) -> None:
    assert "input_boolean" in {one["domain"] for one in home.services()}
    before = home.state("input_boolean.hall").state
    (changed,) = home.call_service("input_boolean", "toggle", target=HALL).changed
    assert {before, changed.state} == {"on", "off"}
    for service, data in (("set_value", {"value": 400}), ("set_value", {"valu": 4}), ("nope", {})):
        with pytest.raises(errors.RequestRefused):
            home.call_service("input_number", service, data, target=LEVEL)
    try:
        response = home.call_service("script", "answer", wants_response=True).response
    except errors.ResponseInvalid:
        response = None
    # Old versions give none by REST.
    assert response == {"n": 42} or home.config()["version"] < "2024.8"
    home.fire_event("made_up", {"n": 1})


def test_what_was(home: HomeAssistant) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    home.call_service("input_boolean", "turn_off", target=HALL)
    (now,) = home.call_service("input_boolean", "turn_on", target=HALL).changed
    # What happened is written a moment later.
    until(lambda: now.last_changed in _instants(home.history(["input_boolean.hall"], since)), "it is written")
    for options in ({}, {"is_minimal": True}, {"has_attributes": False}, {"significant_only": True}):
        found = home.history(["input_boolean.hall", "input_boolean.none"], since, **options)
        assert found.keys() == {"input_boolean.hall"}
        assert [one.state for one in found["input_boolean.hall"]][-2:] == ["off", "on"]
    assert home.history(["input_boolean.hall"], datetime.now(UTC) + timedelta(hours=1)) == {}
    told = home.logbook(since, datetime.now(UTC), "input_boolean.hall")
    assert {one["entity_id"] for one in told} == {"input_boolean.hall"}


def test_text(home: HomeAssistant) -> None:
    assert home.render_template("{{ states('input_boolean.none') }} {{ x }}", {"x": 3}) == "unknown 3"
    with pytest.raises(errors.RequestRefused, match="division by zero"):
        home.render_template("{{ 1 / 0 }}")
    assert isinstance(home.error_log(), str)


def test_a_token_that_is_not_its_own(installation: Installation) -> None:
    with pytest.raises(errors.AuthenticationFailed):
        HomeAssistant(installation.url, "eyJwrong.token.x", **HERE).check()

    async def work() -> None:
        with pytest.raises(errors.AuthenticationFailed, match="Invalid access token"):
            async with HomeAssistantSocket(installation.url, "eyJwrong.token.x", **HERE):
                pass

    run(work())


def test_commands(installation: Installation) -> None:
    async def work() -> None:
        async with HomeAssistantSocket(installation.url, installation.tokens, **HERE) as home:
            await home.ping()
            assert (await home.config())["location_name"] == "Home"
            assert "sensor.double" in {one.entity_id for one in await home.states()}
            assert "toggle" in (await home.services())["input_boolean"]
            assert "input_boolean.hall" in {one["entity_id"] for one in await home.registry("entity")}
            for name in ("device", "area", "floor", "label"):
                assert isinstance(await home.registry(name), list)
            assert (await home.call_service("script", "answer", wants_response=True)).response == {"n": 42}
            assert await home.render_template("{{ 1 + x }}", {"x": 1}) == "2"
            for template, said in (("{{ 1 / 0 }}", "division by zero"), ("{{ states('x' }}", "TemplateSyntaxError")):
                with pytest.raises(errors.RequestRefused, match=said):
                    await home.render_template(template)
            with pytest.raises(errors.RequestRefused, match="Invalid value for input_number"):
                await home.call_service("input_number", "set_value", {"value": 400}, target=LEVEL)
            with pytest.raises(errors.RemoteNotFound):
                await home.call_service("input_number", "nope")
            with pytest.raises(errors.RequestRefused):
                await anext(home.triggers({"platform": "nonsense"}))
            with pytest.raises(errors.RequestRefused):
                await home.command("nonsense")

    run(work())


def test_ended_and_started_again_under_subscriptions(installation: Installation) -> None:
    async def work() -> None:
        home = HomeAssistantSocket(installation.url, installation.tokens, reconnect=QUICKLY, **HERE)
        async with home:
            entities, events = home.entities(), home.events("made_up")
            fired = home.triggers({"platform": "state", "entity_id": "input_boolean.hall"})
            assert isinstance(await anext(entities), Snapshot)
            waiting = [asyncio.create_task(anext(events)), asyncio.create_task(anext(fired))]
            await _subscribed(events, fired)
            # What it kept in memory only, logins among it, it writes when it is ended as usual.
            for round_number, end in enumerate((installation.stop, installation.kill)):
                called = await home.call_service("input_boolean", "toggle", target=HALL)
                changed = await _change(entities, "input_boolean.hall")
                assert changed.state.context.id == called.context.id
                assert changed.state.context.user_id == called.context.user_id
                await home.command("fire_event", event_type="made_up", event_data={"n": round_number})
                event, trigger = await asyncio.gather(*waiting)
                assert isinstance(event, Event)
                assert event.data == {"n": round_number}
                assert isinstance(trigger, Fired)
                assert trigger.trigger["entity_id"] == "input_boolean.hall"

                waiting = [asyncio.create_task(anext(events)), asyncio.create_task(anext(fired))]
                await asyncio.to_thread(end)
                await asyncio.to_thread(installation.start)
                # It answers before it has started: what is subscribed waits until then.
                snapshot = await _item(entities, Snapshot)
                assert "sensor.double" in snapshot.states
                assert await asyncio.gather(*waiting) == [Gap(), Gap()]
                assert (await home.config())["state"] == "RUNNING"
                waiting = [asyncio.create_task(anext(events)), asyncio.create_task(anext(fired))]
                await _subscribed(events, fired)
            for one in waiting:
                one.cancel()

    run(work())


def _instants(found: dict[str, list[State]]) -> list[datetime | None]:
    return [one.last_changed for one in found.get("input_boolean.hall", [])]


async def _subscribed(*feeds: Feed) -> None:
    await asyncio.to_thread(until, lambda: all(feed.number is not None for feed in feeds), "all are subscribed")


async def _change(entities: Feed, entity_id: str) -> Changed:
    while True:
        item = await _item(entities, Changed)
        if item.state.entity_id == entity_id:
            return item


async def _item(feed: Feed, kind: type[Kind]) -> Kind:
    while not isinstance(item := await anext(feed), kind):
        pass
    return item
