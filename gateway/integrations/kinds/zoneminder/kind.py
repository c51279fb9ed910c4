"""ZoneMinder: its monitors, what they recorded, and its run states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gateway.clients.systems.zoneminder import ZoneMinder
from gateway.entities.external import ExternalResource
from gateway.errors import Fault
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.zoneminder.resources import Monitors, RecordedEvents, RunStates
from gateway.integrations.type import IntegrationType, Seen


class ZoneMinderType(IntegrationType):
    """See docs/integrations/zoneminder.md."""

    id = "zoneminder"
    label = "ZoneMinder"
    description = "Cameras with their functions and alarms, what they recorded, and run states."
    attributes = (
        Attribute(
            key="base_url",
            label="URL",
            kind=AttributeKind.URL,
            required=True,
            help="That of its API, which ends with /api.",
            example="https://cameras.example.com/zm/api",
        ),
        Attribute(key="user", label="User", help="Left out for a server without logins.", example="gateway"),
        Attribute(key="password", label="Password", kind=AttributeKind.SECRET),
        Attribute(
            key="event_days",
            label="Days of events",
            kind=AttributeKind.INTEGER,
            default=7,
            minimum=0,
            maximum=366,
            help="How far back a full sync reads what was recorded; 0 for no events.",
        ),
        Attribute(
            key="alarms",
            label="Ask for alarms",
            kind=AttributeKind.BOOLEAN,
            default=True,
            help="Whether each monitor is asked how its alarm is: one request more for each.",
        ),
    )
    schedule = "1m"
    sync_defaults: ClassVar[Mapping[str, Any]] = {"policy": "external_wins"}

    def test_connection(self, instance: Instance) -> Seen:
        """Its version and how many monitors the user may see."""
        cameras = _cameras(instance)
        version, monitors = cameras.version(), len(cameras.monitors())
        return Seen(f"ZoneMinder {version} with {monitors} monitors", {"version": version, "monitors": monitors})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        cameras, wanted = _cameras(instance), instance.configuration
        found: list[ExternalResource] = [Monitors(cameras, with_alarms=wanted["alarms"]), RunStates(cameras)]
        if wanted["event_days"]:
            found.append(RecordedEvents(cameras, days=wanted["event_days"], clock=instance.clock))
        return found

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """A URL without the API's path answers pages."""
        if not str(configuration.get("base_url", "")).rstrip("/").endswith("/api"):
            message = "the URL of the API ends with /api, such as https://cameras.example.com/zm/api"
            return [Fault("configuration.base_url", "malformed", message)]
        return ()


def _cameras(instance: Instance) -> ZoneMinder:
    wanted = instance.configuration
    user = wanted.get("user") or ""
    password = instance.secret("password") if user else ""
    cameras = ZoneMinder(wanted["base_url"], user, password, **instance.client_options())
    instance.closing(cameras.http)
    return cameras
