"""Home Assistant: its entities and areas, live, and what can be switched by its services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Protocol

from gateway.clients.auth.base import Auth, bearer
from gateway.clients.systems.home_assistant import HomeAssistant
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clients.systems.home_assistant_values import mapping, sequence
from gateway.clients.websocket.observer import SocketObserver
from gateway.entities.external import ExternalResource
from gateway.errors import Fault
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.home_assistant.registries import KeptRegistries
from gateway.integrations.kinds.home_assistant.resources import HomeAreas, HomeEntities
from gateway.integrations.kinds.home_assistant.stream import HomeStream
from gateway.integrations.type import IntegrationType, LiveStream, Seen


class HomeAssistantType(IntegrationType):
    """See docs/integrations/home_assistant.md."""

    id = "home_assistant"
    label = "Home Assistant"
    description = "Entities, states and areas of a home: read whole by REST, live by WebSocket, switched by services."
    attributes = (
        Attribute(
            key="base_url",
            label="URL",
            kind=AttributeKind.URL,
            required=True,
            help="Where its pages are, without /api.",
            example="https://home.example.com",
        ),
        Attribute(
            key="token",
            label="Access token",
            kind=AttributeKind.SECRET,
            help="A long-lived access token: your profile in Home Assistant, Security. Not needed with a connection.",
        ),
        Attribute(
            key="include",
            label="Only these entities",
            kind=AttributeKind.LIST,
            help="Patterns of entity ids. Without any, all entities are meant.",
            example=["light.*", "switch.*"],
        ),
        Attribute(
            key="exclude",
            label="Not these entities",
            kind=AttributeKind.LIST,
            default=[],
            help="Patterns of entity ids that are left out.",
            example=["update.*"],
        ),
    )
    providers = ("home-assistant",)
    is_live = True
    schedule = "1h"
    sync_defaults: ClassVar[Mapping[str, Any]] = {"policy": "external_wins"}

    def test_connection(self, instance: Instance) -> Seen:
        """Its version and place, and how many entities there are."""
        home = _home(instance)
        config = mapping(home.http.json("GET", "/config"), "the configuration")
        states = sequence(home.http.json("GET", "/states"), "states")
        name, version, state = (str(config.get(one) or "") for one in ("location_name", "version", "state"))
        started = "" if state in {"RUNNING", ""} else f", which is {state.lower().replace('_', ' ')}"
        message = f"Home Assistant {version} ({name}) with {len(states)} entities{started}"
        return Seen(message, {"version": version, "entities": len(states), "state": state})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        registries = KeptRegistries(_socket(instance), instance.clock)
        return (HomeAreas(registries), HomeEntities(_home(instance), registries, _wanted(instance.configuration)))

    def open_stream(self, instance: Instance) -> LiveStream:
        """States as they change."""
        socket = _socket(instance)
        registries = KeptRegistries(socket, instance.clock)
        return HomeStream(socket, registries, _wanted(instance.configuration), instance.clock)

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """`/api` at the end of the URL is what everybody pastes."""
        if str(configuration.get("base_url", "")).rstrip("/").endswith("/api"):
            message = "the URL is that of the pages: leave /api out"
            return [Fault("configuration.base_url", "malformed", message)]
        return ()


class SocketMaker(Protocol):
    """Makes a socket of which `observer` is told."""

    def __call__(self, observer: SocketObserver | None = None) -> HomeAssistantSocket: ...


def _auth(instance: Instance) -> Auth:
    if instance.connection is not None:
        return instance.connection.opened.plan.auth
    return bearer(instance.secret("token"))


def _home(instance: Instance) -> HomeAssistant:
    home = HomeAssistant(instance.configuration["base_url"], _auth(instance), **instance.client_options())
    return instance.closing(home)


def _socket(instance: Instance) -> SocketMaker:
    """Makes a socket, which is for one event loop."""
    options = instance.client_options()
    given = {name: options[name] for name in ("allow_http", "policy", "resolver")}

    def make(observer: SocketObserver | None = None) -> HomeAssistantSocket:
        return HomeAssistantSocket(instance.configuration["base_url"], _auth(instance), observer=observer, **given)

    return make


def _wanted(configuration: Mapping[str, Any]) -> Callable[[str], bool]:
    include, exclude = configuration.get("include") or ["*"], configuration.get("exclude") or []

    def is_wanted(entity_id: str) -> bool:
        return any(fnmatchcase(entity_id, one) for one in include) and not any(
            fnmatchcase(entity_id, one) for one in exclude
        )

    return is_wanted
