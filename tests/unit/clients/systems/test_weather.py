"""Weather against the shapes of its sources' documentation: each source, its errors, and several in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
import responses

from gateway.clients import errors
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.weather.model import IMPERIAL, METRIC, Conditions, Place, Units, converted
from gateway.clients.systems.weather.nws import NationalWeatherService, written
from gateway.clients.systems.weather.open_meteo import OpenMeteo
from gateway.clients.systems.weather.openweathermap import OpenWeatherMap
from gateway.clients.systems.weather.weather import Weather
from gateway.clock import FakeClock
from gateway.errors import InvalidInput

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
HOUR = 3600
NOON = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp())
SEATTLE = (47.6, -122.3)
METEO = "https://api.open-meteo.com/v1/forecast"
NWS = "https://api.weather.gov"
OWM = "https://api.openweathermap.org/data/2.5"
KEY = "a1b2c3d4e5f60718"
HTML = {"body": "<html>Maintenance</html>", "content_type": "text/html"}


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def options() -> dict[str, Any]:
    quick = RetryPolicy(max_tries=2, first_pause_seconds=0.001, longest_pause_seconds=0.001)
    return {"session": requests.Session(), "retries": quick, "clock": FakeClock(NOW)}


def asked(network: responses.RequestsMock, number: int = -1) -> str:
    return str(network.calls[number].request.url)


# Open-Meteo


def meteo_now(**changed: object) -> dict[str, Any]:
    current = {"time": NOON, "interval": 900, "temperature_2m": 10.0, "apparent_temperature": 7.5, "is_day": 1}
    current |= {"relative_humidity_2m": 80, "pressure_msl": 1013.2, "wind_speed_10m": 5.0, "wind_gusts_10m": 9.0}
    current |= {"wind_direction_10m": 270, "precipitation": 25.4, "cloud_cover": None, "weather_code": 63}
    return {"latitude": 47.595, "longitude": -122.32, "utc_offset_seconds": -28800, "current": current | changed}


def test_open_meteo_now(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    network.get(METEO, json=meteo_now(unknown_field=[1]))

    report = Weather([OpenMeteo(**options)]).current(*SEATTLE, units=IMPERIAL)

    told = report.value
    assert (report.source, report.passed_over, report.units) == ("open-meteo", (), IMPERIAL)
    assert (told.temperature, told.feels_like, told.precipitation) == (50.0, 45.5, 1.0)
    assert told.wind_speed == pytest.approx(11.185)
    assert (told.pressure_hpa, told.cloud_cover_percent, told.is_day, told.text) == (1013.2, None, True, "rain")
    assert told.at == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert "timeformat=unixtime" in asked(network)


def test_open_meteo_by_the_hour(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    times = [NOON + hour * HOUR for hour in range(-2, 5)]
    hourly = {"time": times, "temperature_2m": [1, 2, 3, 4, None, 6, 7], "precipitation": [0, 0, 0.1, 0.2, 0.3, 0.4, 0]}
    network.get(METEO, json={"hourly": hourly})

    found = Weather([OpenMeteo(**options)]).forecast(*SEATTLE, hours=3).value

    assert [one.at.hour for one in found] == [12, 13, 14]
    assert [one.temperature for one in found] == [3, 4, None]
    # What falls stands at the end of its hour.
    assert [one.precipitation for one in found] == [0.2, 0.3, 0.4]
    assert all(one.humidity_percent is None for one in found)


def test_open_meteo_sun_by_days_of_the_place(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    begins = int(datetime(2026, 11, 26, 11, tzinfo=UTC).timestamp())  # midnight at 13 hours east
    daily = {"time": [begins, begins + 86_400], "sunrise": [begins + 27_000, 0], "sunset": [begins + 58_000, None]}
    network.get(METEO, json={"utc_offset_seconds": 46_800, "daily": daily})

    first, second = Weather([OpenMeteo(**options)]).sun(-37, 175, days=2).value

    assert first.day == date(2026, 11, 27)
    assert first.rises_at == datetime(2026, 11, 26, 18, 30, tzinfo=UTC)
    assert (second.day, second.rises_at, second.sets_at) == (date(2026, 11, 28), None, None)


@pytest.mark.parametrize(
    ("status", "reason", "kind", "wait"),
    [
        (400, "Latitude must be in range", errors.RequestRefused, None),
        (200, "Timeout on the way", errors.RequestRefused, None),
        (429, "Minutely API request limit exceeded. Please try again in one minute.", errors.RateLimited, 60),
        (429, "Hourly API request limit exceeded. Please try again in the next hour.", errors.RateLimited, 30 * 60),
        (429, "Daily API request limit exceeded. Please try again tomorrow.", errors.RateLimited, 11.5 * HOUR),
        (502, "upstream", errors.Unavailable, None),
    ],
)
def test_errors_of_open_meteo(
    network: responses.RequestsMock, options: dict[str, Any], status: int, reason: str, kind: type, wait: float | None
) -> None:
    network.get(METEO, status=status, json={"error": True, "reason": reason})

    with pytest.raises(errors.IntegrationError, match=reason) as caught:
        OpenMeteo(**options).current(Place(*SEATTLE))

    assert type(caught.value) is kind
    assert caught.value.retry_after_seconds == wait


def test_customers_of_open_meteo_have_a_host_and_a_key(
    network: responses.RequestsMock, options: dict[str, Any]
) -> None:
    network.get(METEO.replace("api.", "customer-api."), status=400, json={"error": True, "reason": f"no {KEY}"})

    with pytest.raises(errors.RequestRefused) as caught:
        OpenMeteo(KEY, **options).current(Place(*SEATTLE))

    assert f"apikey={KEY}" in asked(network)
    assert KEY not in f"{caught.value}{caught.value.call}"


# National Weather Service


def nws_point(x: int = 124) -> dict[str, Any]:
    return {"properties": {"gridId": "SEW", "gridX": x, "gridY": 68, "timeZone": "America/Los_Angeles"}}


def nws_period(hour: int, **changed: object) -> dict[str, Any]:
    period = {"number": hour, "startTime": f"2026-11-27T0{hour}:00:00-08:00", "isDaytime": False}
    period |= {"endTime": f"2026-11-27T0{hour + 1}:00:00-08:00", "temperature": 10, "temperatureUnit": "C"}
    period |= {"probabilityOfPrecipitation": {"unitCode": "wmoUnit:percent", "value": 40}, "windSpeed": "18 km/h"}
    return period | {"windDirection": "WSW", "shortForecast": "Rain"} | changed


def nws(network: responses.RequestsMock, *periods: dict[str, Any], x: int = 124) -> None:
    network.get(f"{NWS}/points/47.6,-122.3", json=nws_point(x))
    network.get(f"{NWS}/gridpoints/SEW/{x},68/forecast/hourly", json={"properties": {"periods": list(periods)}})


def test_nws_from_point_to_cell_to_forecast(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    fahrenheit = {"temperature": 50, "temperatureUnit": "F", "windSpeed": "5 to 10 mph", "windDirection": ""}
    quantity = {"temperature": {"unitCode": "wmoUnit:degC", "value": None}, "windSpeed": None}
    nws(network, nws_period(4), nws_period(5, **fahrenheit), nws_period(6, **quantity), nws_period(7))
    source = NationalWeatherService(contact="ops@example.com", **options)
    weather = Weather([source])

    found = weather.forecast(*SEATTLE, hours=3).value
    weather.current(*SEATTLE)

    assert [one.temperature for one in found] == [10, 10, None]
    assert [one.wind_speed for one in found] == [5, 4.47, None]
    assert [one.wind_from_degrees for one in found] == [247.5, None, 247.5]
    assert (found[0].precipitation_percent, found[0].is_day, found[0].text) == (40, False, "Rain")
    assert found[0].at == datetime(2026, 11, 27, 12, tzinfo=UTC)
    sent = network.calls[0].request.headers
    assert (sent["User-Agent"], sent["Accept"]) == ("gateway/1 (ops@example.com)", "application/geo+json")
    # The cell is remembered, and no parameter is sent that it would refuse.
    assert [call.request.url.removeprefix(NWS) for call in network.calls] == [
        "/points/47.6,-122.3",
        "/gridpoints/SEW/124,68/forecast/hourly?units=si",
        "/gridpoints/SEW/124,68/forecast/hourly?units=si",
    ]


def test_nws_resolves_again_what_is_gone(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    nws(network, nws_period(4), x=1)
    source = NationalWeatherService(contact="ops@example.com", **options)
    source.current(Place(*SEATTLE))
    network.reset()
    network.get(f"{NWS}/gridpoints/SEW/1,68/forecast/hourly", status=404, json={"title": "Not Found"})
    nws(network, nws_period(4), x=2)

    assert source.current(Place(*SEATTLE)).temperature == 10
    assert "SEW/2,68" in asked(network)


def test_nws_alerts(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    told = {"id": "urn:oid:2", "areaDesc": "King", "sent": "2026-11-27T04:00:00-08:00", "ends": None, "event": "Flood"}
    told |= {
        "messageType": "Update",
        "severity": "Severe",
        "references": [{"identifier": "urn:oid:1"}],
        "headline": None,
    }
    network.get(f"{NWS}/alerts/active", json={"type": "FeatureCollection", "features": [{"properties": told}]})
    weather = Weather([OpenMeteo(**options), NationalWeatherService(contact="ops@example.com", **options)])

    (alert,) = weather.alerts(*SEATTLE).value

    assert (alert.id, alert.event, alert.headline, alert.severity) == ("urn:oid:2", "Flood", "", "Severe")
    assert (alert.sent_at, alert.ends_at) == (datetime(2026, 11, 27, 12, tzinfo=UTC), None)
    assert alert.replaces == ("urn:oid:1",)
    assert asked(network).endswith("/alerts/active?point=47.6%2C-122.3")


def test_no_alerts_is_an_answer(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    network.get(f"{NWS}/alerts/active", json={"features": []})

    assert Weather([NationalWeatherService(contact="ops@example.com", **options)]).alerts(*SEATTLE).value == ()


def test_errors_of_nws_name_the_call_for_its_support(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    problem = {"correlationId": "2f5e9e0", "title": "Invalid", "type": "https://api.weather.gov/problems/InvalidPoint"}
    network.get(f"{NWS}/points/47.6,-122.3", status=404, json=problem | {"detail": "no data", "status": 404})

    with pytest.raises(errors.RemoteNotFound, match="no data") as caught:
        NationalWeatherService(contact="ops@example.com", **options).current(Place(*SEATTLE))

    assert caught.value.call.request_id == "2f5e9e0"
    assert (caught.value.call.vendor_code or "").endswith("InvalidPoint")


def test_the_limit_of_nws_is_over_soon(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    network.get(f"{NWS}/alerts/active", status=429, body="")
    options["retries"] = RetryPolicy(max_tries=1)

    with pytest.raises(errors.RateLimited) as caught:
        NationalWeatherService(contact="ops@example.com", **options).alerts(Place(*SEATTLE))

    assert caught.value.retry_after_seconds == 5


@pytest.mark.parametrize(
    ("place", "point"),
    [((47.60001, -122.33333), "47.6,-122.3333"), ((0.00001, -0.00001), "0,0"), ((10, -90), "10,-90")],
)
def test_points_have_four_decimals_and_no_zeros_behind(place: tuple[float, float], point: str) -> None:
    assert written(Place(*place)) == point


def test_nws_wants_a_contact() -> None:
    with pytest.raises(ValueError, match="contact"):
        NationalWeatherService(contact=" ")


# OpenWeatherMap


def owm(**changed: object) -> dict[str, Any]:
    told = {"dt": NOON, "timezone": -28_800, "cod": 200, "main": {"temp": 10.0, "humidity": 80, "pressure": 1013}}
    told |= {
        "wind": {"speed": 5, "deg": 270},
        "clouds": {"all": 75},
        "weather": [{"id": 500, "description": "light rain"}],
    }
    return told | {"rain": {"1h": 0.5}, "sys": {"sunrise": NOON + 12_000, "sunset": NOON + 45_000}} | changed


def test_openweathermap_now_and_the_sun(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    network.get(f"{OWM}/weather", json=owm())
    weather = Weather([OpenWeatherMap(KEY, **options)])

    told, (sun,) = weather.current(*SEATTLE).value, weather.sun(*SEATTLE, days=3).value

    assert (told.temperature, told.wind_gust, told.precipitation, told.text) == (10, None, 0.5, "light rain")
    assert (sun.day, sun.rises_at) == (date(2026, 11, 27), datetime(2026, 11, 27, 15, 20, tzinfo=UTC))
    assert f"appid={KEY}" in asked(network)
    assert "units=metric" in asked(network)


def test_openweathermap_forecast_is_told_by_ends(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    step = {"main": {"temp": 3}, "pop": 0.25, "snow": {"3h": 1.5}, "sys": {"pod": "n"}, "weather": []}
    steps = [{"dt": NOON + 3 * HOUR} | step, {"dt": NOON + 6 * HOUR, "main": None, "rain": None}, {"dt": None}]
    network.get(f"{OWM}/forecast", json={"cod": "200", "list": steps})

    first, second = Weather([OpenWeatherMap(KEY, **options)]).forecast(*SEATTLE, hours=7).value

    assert (first.at.hour, first.ends_at and first.ends_at.hour) == (12, 15)
    assert (first.precipitation, first.precipitation_percent, first.is_day) == (1.5, 25, False)
    assert (second.temperature, second.precipitation, second.text) == (None, 0, "")
    assert "cnt=3" in asked(network)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"cod": 401, "message": f"Invalid API key {KEY}"}, errors.AuthenticationFailed),
        (404, {"cod": "404", "message": "city not found"}, errors.RemoteNotFound),
        (200, {"cod": "404", "message": "city not found"}, errors.RemoteNotFound),
        (400, {"code": 400, "message": "bad", "parameters": ["lat"]}, errors.RequestRefused),
        (429, {"cod": 429, "message": "blocked"}, errors.RateLimited),
        (200, {}, errors.ResponseInvalid),
        (200, [], errors.ResponseInvalid),
    ],
)
def test_errors_of_openweathermap(
    network: responses.RequestsMock, options: dict[str, Any], status: int, body: Any, kind: type
) -> None:
    network.get(f"{OWM}/weather", status=status, json=body)

    with pytest.raises(errors.IntegrationError) as caught:
        OpenWeatherMap(KEY, **options).current(Place(*SEATTLE))

    assert type(caught.value) is kind
    assert KEY not in f"{caught.value}{caught.value.call}"


# Several


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 500, "json": {"title": "Unexpected Problem"}}, "system_unavailable"),
        ({"status": 404, "json": {"title": "Not Found"}}, "remote_not_found"),
        ({"status": 403, "body": "no User-Agent"}, "authorization_failed"),
        ({"json": {"properties": {"gridId": None}}}, "response_invalid"),
        ({"json": []}, "response_invalid"),
        (HTML, "response_invalid"),
        ({"body": requests.ConnectionError("refused")}, "protocol_fault"),
    ],
)
def test_the_next_source_is_asked_whatever_is_wrong(
    network: responses.RequestsMock, options: dict[str, Any], fault: dict[str, Any], code: str
) -> None:
    network.get(f"{NWS}/points/47.6,-122.3", **fault)
    network.get(METEO, json=meteo_now())
    weather = Weather([NationalWeatherService(contact="ops@example.com", **options), OpenMeteo(**options)])

    report = weather.current(*SEATTLE)

    assert (report.source, report.value.temperature) == ("open-meteo", 10)
    assert [(one.source, one.error.code) for one in report.passed_over] == [("nws", code)]


def test_a_source_whose_limit_is_reached_is_passed_over_unasked(
    network: responses.RequestsMock, options: dict[str, Any]
) -> None:
    network.get(METEO, status=429, json={"error": True, "reason": "Daily API request limit exceeded."})
    network.get(f"{OWM}/weather", json=owm())
    weather = Weather([OpenMeteo(**options), OpenWeatherMap(KEY, **options)])

    assert [weather.current(*SEATTLE).source for _ in range(3)] == ["openweathermap"] * 3
    assert [call.request.url.startswith(METEO) for call in network.calls].count(True) == 1


def test_when_all_fail(network: responses.RequestsMock, options: dict[str, Any]) -> None:
    network.get(METEO, status=503)
    network.get(f"{OWM}/weather", status=401, json={"cod": 401, "message": "Invalid API key"})
    free, keyed = OpenMeteo(**options), OpenWeatherMap(KEY, **options)

    with pytest.raises(errors.Unavailable, match=r"openweathermap: .*; open-meteo: "):
        Weather([keyed, free]).current(*SEATTLE)
    with pytest.raises(errors.AuthenticationFailed):
        Weather([keyed]).current(*SEATTLE)


def test_what_cannot_be_asked() -> None:
    weather = Weather([OpenMeteo(session=requests.Session())])

    for ask in (lambda: weather.current(91, 0), lambda: weather.forecast(float("nan"), 0)):
        with pytest.raises(InvalidInput, match="latitude"):
            ask()
    with pytest.raises(InvalidInput, match="at least one hour"):
        weather.forecast(0, 0, hours=0)
    with pytest.raises(InvalidInput, match="none of the sources knows alerts"):
        weather.alerts(0, 0)
    with pytest.raises(InvalidInput, match="no unit 'rankine'"):
        Units("rankine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one source"):
        Weather([])


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (METRIC, (10, 10, 25.4)),
        (IMPERIAL, (50, 22.369, 1)),
        (Units("kelvin", "knots"), (283.15, 19.438, 25.4)),
        (Units(speed="km/h"), (10, 36, 25.4)),
    ],
)
def test_units(units: Units, expected: tuple[float, float, float]) -> None:
    told = converted(Conditions(NOW, temperature=10, wind_speed=10, precipitation=25.4), units)

    assert (told.temperature, told.wind_speed, told.precipitation) == expected
    assert told.feels_like is None
