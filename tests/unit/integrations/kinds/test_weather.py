"""Places and their weather as entities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.clients.systems.weather.model import Alert, Conditions, Place
from gateway.clients.systems.weather.weather import Weather
from gateway.entities.external import RecordInvalid
from gateway.integrations.kinds.weather.kind import WeatherType
from gateway.integrations.kinds.weather.resources import Alerts, ConditionsNow, Location, Locations

BERLIN, OSLO = Location("Berlin", 52.52, 13.405), Location("Oslo S", 59.91, 10.75)
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Almanac:
    """A source that knows what it was told."""

    name = "almanac"

    def __init__(self, message_type: str = "Alert") -> None:
        self.asked: list[Place] = []
        self._message_type = message_type

    def current(self, place: Place) -> Conditions:
        self.asked.append(place)
        return Conditions(at=AT, temperature=round(place.latitude, 1), text="Clear", is_day=True)

    def alerts(self, place: Place) -> Sequence[Alert]:
        return [
            Alert(
                id=f"urn:{place.latitude:.0f}",
                event="Gale",
                headline="Gale warning",
                description="",
                instruction="",
                areas="Coast",
                status="Actual",
                message_type=self._message_type,
                severity="Severe",
                certainty="Likely",
                urgency="Expected",
                sent_at=AT,
                effective_at=None,
                onset_at=None,
                expires_at=None,
                ends_at=None,
            )
        ]


def test_conditions_belong_to_their_place() -> None:
    almanac = Almanac()
    now = ConditionsNow(Weather([almanac]), [OSLO, BERLIN])
    pages = list(now.pages(None, None))
    found = [now.map(record) for page in pages for record in page.records]
    assert [(one.integration_id, one.parent, one.state) for one in found] == [
        ("berlin-now", "berlin", "Clear"),
        ("oslo-s-now", "oslo-s", "Clear"),
    ]
    assert found[0].attributes["temperature"] == 52.5
    assert found[0].attributes["source"] == "almanac"
    # When it was asked is no weather: the same weather an hour later is no change.
    assert "at" not in found[0].attributes
    assert [page.next for page in pages] == [{"after": "berlin"}, None]


def test_a_reading_goes_on_with_the_next_place() -> None:
    almanac = Almanac()
    (page,) = ConditionsNow(Weather([almanac]), [OSLO, BERLIN]).pages(None, {"after": "berlin"})
    assert [record["location"] for record in page.records] == ["oslo-s"]
    assert almanac.asked == [Place(59.91, 10.75)]


def test_places_are_looked_up_without_asking() -> None:
    almanac = Almanac()
    places = Locations(Weather([almanac]), [BERLIN])
    found = places.look_up(["berlin", "paris"])
    assert found["paris"] is None
    assert places.map(found["berlin"]).attributes == {"latitude": 52.52, "longitude": 13.405}
    assert almanac.asked == []


@pytest.mark.parametrize(("message_type", "count"), [("Alert", 1), ("Update", 1), ("Cancel", 0)])
def test_warnings_that_hold(message_type: str, count: int) -> None:
    alerts = Alerts(Weather([Almanac(message_type)]), [BERLIN])
    (page,) = alerts.pages(None, None)
    found = [alerts.map(record) for record in page.records]
    assert [(one.integration_id, one.state, one.parent) for one in found] == [("urn:53", "Severe", "berlin")] * count
    assert alerts.abilities.is_transient


@pytest.mark.parametrize("raw", [None, {}, {"id": 3}, {"id": "berlin-now", "conditions": "sunny"}])
def test_what_is_no_record(raw: Any) -> None:
    with pytest.raises(RecordInvalid):
        ConditionsNow(Weather([Almanac()]), [BERLIN]).map(raw)


@pytest.mark.parametrize(
    ("configuration", "fields"),
    [
        ({"locations": {"Berlin": [52.52, 13.405]}}, []),
        ({"locations": {"Berlin": [520, 13]}}, ["configuration.locations"]),
        ({"locations": {"Berlin": "52 13"}}, ["configuration.locations"]),
        ({"locations": {"A b": [1, 1], "a-B": [2, 2]}}, ["configuration.locations"]),
        ({"locations": {"Berlin": [52, 13]}, "sources": ["nws"]}, ["configuration.contact"]),
        ({"locations": {}}, ["configuration.locations"]),
        ({"locations": {"Berlin": [52, 13]}, "sources": ["crystal-ball"]}, ["configuration.sources"]),
    ],
)
def test_configurations(configuration: dict[str, Any], fields: list[str]) -> None:
    assert [fault.field for fault in WeatherType().validate_configuration(configuration, {})] == fields
