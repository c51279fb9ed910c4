"""Weather: places, their weather now, and its warnings, of the first source that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.clients.systems.weather.model import Place, Units
from gateway.clients.systems.weather.nws import NationalWeatherService
from gateway.clients.systems.weather.open_meteo import OpenMeteo
from gateway.clients.systems.weather.openweathermap import OpenWeatherMap
from gateway.clients.systems.weather.source import Source
from gateway.clients.systems.weather.weather import Weather
from gateway.entities.external import ExternalResource
from gateway.errors import Fault, InvalidInput
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.weather.resources import Alerts, ConditionsNow, Location, Locations
from gateway.integrations.type import IntegrationType, Seen

OPEN_METEO, NWS, OPENWEATHERMAP = "open-meteo", "nws", "openweathermap"


class WeatherType(IntegrationType):
    """See docs/integrations/weather.md."""

    id = "weather"
    label = "Weather"
    description = "Places with their weather now and official warnings, from the first of several sources that answers."
    attributes = (
        Attribute(
            key="locations",
            label="Places",
            kind=AttributeKind.MAPPING,
            required=True,
            minimum=1,
            maximum=500,
            help="By name: latitude and longitude in degrees.",
            example={"Berlin": [52.52, 13.405]},
        ),
        Attribute(
            key="sources",
            label="Sources",
            kind=AttributeKind.LIST,
            choices=(OPEN_METEO, NWS, OPENWEATHERMAP),
            default=[OPEN_METEO],
            minimum=1,
            help="Asked in this order. Warnings come from nws alone, which knows the United States.",
        ),
        Attribute(
            key="units", label="Units", kind=AttributeKind.CHOICE, choices=("metric", "imperial"), default="metric"
        ),
        Attribute(
            key="contact",
            label="Contact",
            help="An address of mail or of a page, which nws wants to know.",
            example="ops@example.com",
        ),
        Attribute(key="open_meteo_key", label="Key of Open-Meteo", kind=AttributeKind.SECRET, help="For commerce."),
        Attribute(key="openweathermap_key", label="Key of OpenWeatherMap", kind=AttributeKind.SECRET),
        Attribute(
            key="base_urls",
            label="Other addresses of sources",
            kind=AttributeKind.MAPPING,
            help="By source, for a proxy or a mirror.",
            example={OPEN_METEO: "https://weather.example.com/v1"},
        ),
    )
    schedule = "10m"

    def test_connection(self, instance: Instance) -> Seen:
        """The weather of the first place."""
        first = locations_of(instance.configuration)[0]
        report = _weather(instance).current(first.latitude, first.longitude)
        told = "" if report.value.temperature is None else f" {report.value.temperature:g} degrees"
        return Seen(f"{report.source}: {first.name}{told}", {"source": report.source})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        weather, places = _weather(instance), locations_of(instance.configuration)
        found: list[ExternalResource] = [Locations(weather, places), ConditionsNow(weather, places)]
        if NWS in instance.configuration["sources"]:
            found.append(Alerts(weather, places))
        return found

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Places are pairs of numbers on earth, and nws wants a contact."""
        found = list(_location_faults(configuration["locations"]))
        if NWS in configuration["sources"] and not configuration.get("contact"):
            found.append(Fault("configuration.contact", "missing", "the source nws wants a contact"))
        for name, url in (configuration.get("base_urls") or {}).items():
            if name not in (OPEN_METEO, NWS, OPENWEATHERMAP) or not isinstance(url, str):
                found.append(Fault("configuration.base_urls", "malformed", f"{name} is no source with a URL"))
        return found


def locations_of(configuration: Mapping[str, Any]) -> list[Location]:
    """The places of a configuration that was judged."""
    given = configuration["locations"].items()
    return [Location(name, float(where[0]), float(where[1])) for name, where in given]


def _location_faults(given: Mapping[str, Any]) -> Sequence[Fault]:
    found = []
    ids: dict[str, str] = {}
    for name, where in given.items():
        try:
            latitude, longitude = where
            Place(float(latitude), float(longitude))
        except (TypeError, ValueError, InvalidInput):
            message = f"{name}: a place is two numbers, its latitude from -90 to 90 and its longitude from -180 to 180"
            found.append(Fault("configuration.locations", "malformed", message))
            continue
        here = Location(name, float(latitude), float(longitude)).id
        if here in ids:
            message = f"the names {ids[here]} and {name} make the same id, {here}: change one"
            found.append(Fault("configuration.locations", "duplicate", message))
        ids[here] = name
    return found


def _weather(instance: Instance) -> Weather:
    wanted = instance.configuration
    sources = [_source(instance, name) for name in wanted["sources"]]
    units = Units() if wanted["units"] == "metric" else Units("fahrenheit", "mph", "inch")
    return Weather(sources, units=units)


def _source(instance: Instance, name: str) -> Source:
    options = {**instance.client_options(), "system": name}
    # Each source has a breaker and limits of its own: one that fails is passed over.
    del options["breaker"], options["rate_limit"]
    url = (instance.configuration.get("base_urls") or {}).get(name)
    where: dict[str, Any] = {} if url is None else {"base_url": url}
    source: OpenMeteo | NationalWeatherService | OpenWeatherMap
    if name == NWS:
        source = NationalWeatherService(contact=instance.configuration["contact"], **where, **options)
    elif name == OPENWEATHERMAP:
        source = OpenWeatherMap(instance.secret("openweathermap_key"), **where, **options)
    else:
        source = OpenMeteo(instance.secrets.get("open_meteo_key"), **where, **options)
    instance.closing(source.http)
    return source
