"""Home Assistant's entities and areas over its two APIs, as a sync reads and writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gateway.clients.errors import AuthenticationFailed, ConnectionFailed, RequestRefused, Unavailable
from gateway.clients.systems.home_assistant import HomeAssistant
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clients.websocket.observer import SocketObserver
from gateway.clock import FakeClock, SystemClock
from gateway.entities.external import Outgoing
from gateway.integrations.kinds.home_assistant.records import entity_id_of
from gateway.integrations.kinds.home_assistant.registries import KeptRegistries
from gateway.integrations.kinds.home_assistant.resources import HomeAreas, HomeEntities
from gateway.integrations.kinds.home_assistant.stream import AWAY_SECONDS, HomeStream
from gateway.integrations.type import LiveItem
from gateway.security.ssrf import AddressPolicy
from tests.services.home import TOKEN, Home
from tests.services.waiting import until

HERE = {"allow_http": True, "policy": AddressPolicy(allow_private=True)}


@pytest.fixture
def house() -> Iterator[Home]:
    with Home().running() as home:
        yield home


def registries(house: Home) -> KeptRegistries:
    return KeptRegistries(lambda: HomeAssistantSocket(house.url, TOKEN, **HERE), SystemClock())  # type: ignore[arg-type]


def entities(house: Home, token: str = TOKEN, page_size: int = 500) -> HomeEntities:
    home = HomeAssistant(house.url, token, **HERE)
    return HomeEntities(home, registries(house), lambda name: name != "number.level", page_size=page_size)


def outgoing(integration_id: str, **fields: object) -> Outgoing:
    return Outgoing(
        kind="entity",
        integration_id=integration_id,
        name=None,
        fields=fields,
        attributes=fields,
        version=None,
        idempotency_key="k",
    )


def test_everything_with_its_room(house: Home) -> None:
    (page,) = entities(house).pages(None, None)
    found = {one.integration_id: one for one in map(entities(house).map, page.records)}
    assert found.keys() == {"light.hall", "sensor.door", "switch.fan"}
    assert (found["light.hall"].area, found["light.hall"].attributes["device"]) == ("Hall", "Hall lamp")
    # A child device is where its parent is.
    assert found["switch.fan"].area == "Hall"
    assert found["sensor.door"].area is None
    assert page.next is None


def test_a_reading_goes_on_from_any_page(house: Home) -> None:
    read = entities(house, page_size=2)
    pages = list(read.pages(None, None))
    assert [len(page.records) for page in pages] == [2, 1]
    assert pages[0].next is not None
    (rest,) = read.pages(None, pages[0].next)
    assert [read.identify(one) for one in rest.records] == ["switch.fan"]


def test_the_registries_are_asked_once_for_many_readings(house: Home) -> None:
    read = entities(house)
    for _ in range(3):
        list(read.pages(None, None))
    assert house.logins == 1


def test_a_change_calls_services_and_tells_what_became_of_it(house: Home) -> None:
    write = entities(house)
    told = write.update(outgoing("light.hall", state="on", brightness=90))
    assert house.calls == [("light", "turn_on", {"brightness": 90, "entity_id": "light.hall"})]
    mapped = write.map(told)
    assert (mapped.state, mapped.attributes["brightness"]) == ("on", 90)
    assert mapped.mark


def test_what_no_service_does_is_refused_before_anything_is_called(house: Home) -> None:
    with pytest.raises(RequestRefused, match="no service that sets the state of sensor"):
        entities(house).update(outgoing("sensor.door", state="open"))
    assert house.calls == []


def test_looking_up_tells_what_is_gone(house: Home) -> None:
    found = entities(house).look_up(["light.hall", "light.none"])
    assert found["light.none"] is None
    assert found["light.hall"] is not None


def test_areas(house: Home) -> None:
    areas = HomeAreas(registries(house))
    (page,) = areas.pages(None, None)
    assert [areas.map(one).name for one in page.records] == ["Hall", "Attic"]


def test_a_wrong_token_is_told(house: Home) -> None:
    with pytest.raises(AuthenticationFailed):
        list(entities(house, "wrong").pages(None, None))


def stream(house: Home, clock: FakeClock) -> HomeStream:
    def socket(observer: SocketObserver | None = None) -> HomeAssistantSocket:
        return HomeAssistantSocket(house.url, TOKEN, observer=observer, **HERE)  # type: ignore[arg-type]

    return HomeStream(socket, registries(house), lambda name: name != "number.level", clock)


def received(live: HomeStream, wanted: Callable[[list[LiveItem]], bool]) -> list[LiveItem]:
    """What came until `wanted` holds."""
    found: list[LiveItem] = []
    until(lambda: found.extend(live.receive(0.2)) or wanted(found), lambda: str(found))
    return found


def test_the_stream_begins_with_the_whole_house_and_goes_on_with_changes(house: Home) -> None:
    live = stream(house, FakeClock())
    try:
        first = received(live, lambda items: any(item.records for item in items))
        assert any(item.is_gap for item in first)
        ids = [entity_id_of(record) for item in first for record in item.records]
        assert sorted(filter(None, ids)) == ["light.hall", "sensor.door", "switch.fan"]
        house.change("light.hall", "on", brightness=7)
        house.change("number.level", "9")
        house.remove("switch.fan")
        items = received(live, lambda items: any(item.deleted for item in items))
        assert [record["state"]["state"] for item in items for record in item.records] == ["on"]
        assert [one for item in items for one in item.deleted] == ["switch.fan"]
        assert [record["area"]["name"] for item in items for record in item.records] == ["Hall"]
    finally:
        live.close()


def test_after_a_loss_the_whole_house_comes_again(house: Home) -> None:
    live = stream(house, FakeClock())
    try:
        received(live, lambda items: any(item.records for item in items))
        house.hang_up()
        items = received(live, lambda items: any(item.records for item in items))
        assert any(item.is_gap for item in items)
    finally:
        live.close()


def test_a_home_that_is_away_for_long_is_told_of(house: Home) -> None:
    clock = FakeClock()
    live = stream(house, clock)
    try:
        received(live, lambda items: any(item.records for item in items))
        house.refuses_all = True
        house.hang_up()
        until(lambda: house.listeners() == 0, lambda: "it listens still")
        assert live.receive(0.2) == []
        clock.advance(AWAY_SECONDS)

        def is_told() -> bool:
            try:
                live.receive(0.2)
            except (ConnectionFailed, Unavailable):
                return True
            return False

        until(is_told, lambda: "nothing was raised")
    finally:
        live.close()
