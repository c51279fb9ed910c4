"""What an integration type is: code that knows how to talk to one kind of system. A class each, made once a process.

    class Lamps(IntegrationType):
        id = "lamps"
        label = "Lamps"
        description = "The lamps of a house."
        attributes = (
            Attribute(key="url", label="URL", kind=AttributeKind.URL, required=True),
            Attribute(key="token", label="Token", kind=AttributeKind.SECRET, required=True),
        )

        def test_connection(self, instance: Instance) -> Seen:
            return Seen(f"lamps {client_of(instance).json('GET', '/version')['version']}")

        def resources(self, instance: Instance) -> Sequence[ExternalResource]:
            return (LampResource(client_of(instance)),)

A type keeps nothing between calls: several threads and many integrations use it at once. What it raises is an
`IntegrationError` of `gateway.clients.errors` or an `InvalidInput`; anything else is taken for a defect of the type,
which stops this integration and no other. How one is written and shipped: docs/ADDING_AN_INTEGRATION.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from gateway.clients.client import ApiClient
from gateway.entities.external import External, ExternalResource, Raw
from gateway.errors import Fault
from gateway.integrations.attributes import Attribute, completed, configuration_faults, secret_faults
from gateway.integrations.instance import Instance
from gateway.integrations.states import Health

ANY_PROVIDER = "*"
"""In `IntegrationType.providers`: connections of each provider are taken."""


class Action(StrEnum):
    """What is done with an integration beside activating it and taking it down."""

    SYNC = "sync"  # a sync run is about to begin
    TEST = "test"  # a person asks whether it works
    UPDATE = "update"  # another configuration is about to take the place of the one there is


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the system saw: a sentence for a person (`Home Assistant 2026.7 with 214 entities`), and facts as
    JSON. Never a secret.
    """

    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one thing about an integration is. `name` is lower-case (`api_quota`), `message` for a person."""

    name: str
    health: Health
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """A webhook that came for an integration's source, verified. `body` are its bytes, `json` what they say, None where
    they are no JSON. Header names are in lower case.
    """

    id: str
    type: str | None
    body: bytes = field(repr=False)
    json: Any
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A record that changed, by its resource's name and its id in the external system."""

    resource: str
    integration_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveItem:
    """What a live stream tells: whole `records` of a resource, external ids of some that went (`deleted`) or that have
    to be looked up (`changed`). `is_gap`: something may have been missed, and a sync has to find it.
    """

    resource: str = ""
    records: Sequence[Raw] = ()
    deleted: Sequence[str] = ()
    changed: Sequence[str] = ()
    is_gap: bool = False


class LiveStream(Protocol):
    """A connection by which a system tells of changes as they happen. Used by one thread."""

    def receive(self, timeout_seconds: float) -> Sequence[LiveItem]:
        """What came, as soon as something did; nothing when it was quiet for so long.

        Raises `IntegrationError` when the connection is gone: whoever reads opens another one, after a pause.
        """

    def close(self) -> None:
        """End it. Idempotent; from any thread, and `receive` returns soon."""


class Prepared(Protocol):
    """What activation has made outside of the gateway: on record at once, so that it is taken back whatever happens."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Everything that was kept, from earlier tries too."""

    def keep(self, **values: Any) -> None:
        """Keep these, JSON, in a transaction of its own; None forgets one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookApi:
    """Where a system can be told where its webhooks go: `client` calls the API of `provider`, by its id in the
    catalogue. `lists` are those that are synced, each by its name there with what stands in braces in its paths; one
    that is read in several places (repositories) is there several times.
    """

    provider: str
    client: ApiClient
    lists: Sequence[tuple[str, Mapping[str, str]]]


class IntegrationType(ABC):
    """The base of all types. `id` is the integration_name of its entities, and never changes."""

    id: ClassVar[str]
    label: ClassVar[str]
    description: ClassVar[str]
    attributes: ClassVar[Sequence[Attribute]] = ()
    providers: ClassVar[Sequence[str]] = ()
    """Of which providers connections are taken, by their ids in the catalogue, or `ANY_PROVIDER`; none: none are."""
    needs_connection: ClassVar[bool] = False
    is_live: ClassVar[bool] = False
    """Whether `open_stream` gives something."""
    schedule: ClassVar[str | None] = "15m"
    """How often one is synced unless it says so itself, as a duration or a cron expression; None: when asked to."""
    sync_defaults: ClassVar[Mapping[str, Any]] = {}
    """Sync options that hold unless an integration sets them, as `gateway.integrations.options` reads them."""

    def validate_configuration(
        self,
        configuration: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        held: Collection[str] = (),
        plain_http: bool = False,
        is_connected: bool = False,
    ) -> list[Fault]:
        """Everything that is wrong with what is given, without asking anybody. `held` are keys of secrets that there
        are already; `is_connected`: a connection is used. What types know beyond their attributes is in
        `further_faults`.
        """
        found = configuration_faults(self.attributes, configuration, plain_http=plain_http, is_connected=is_connected)
        found += secret_faults(self.attributes, secrets, held=held, is_connected=is_connected)
        return found or list(self.further_faults(completed(self.attributes, configuration)))

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """What is wrong with a configuration whose attributes are each by itself good. Pure; fields of the faults begin
        with `configuration.`.
        """
        return ()

    @abstractmethod
    def test_connection(self, instance: Instance) -> Seen:
        """Ask the system something that changes nothing and needs the credentials, and say what was seen. It is given
        up after 5 seconds. Raises `IntegrationError`.
        """

    @abstractmethod
    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        """What it has that can be synced. Asks the system only where there is no other way to know."""

    def external(self, instance: Instance) -> External:
        """The system, opened for a sync."""
        return External(
            instance_id=instance.id,
            tenant_id=instance.tenant_id,
            name=instance.name,
            integration_name=self.id,
            resources=self.resources(instance),
        )

    def activate(self, instance: Instance, prepared: Prepared) -> None:
        """Make what is needed outside (a webhook, a folder). Called again after a failure or a kill: what `prepared`
        has is there already. Keep what will tell it apart *before* making it.
        """
        return

    def deactivate(self, instance: Instance, prepared: Prepared) -> None:
        """Take back what `prepared` has; what is gone already is no error. Also when a step of activating failed."""
        return

    def webhook_api(self, instance: Instance) -> WebhookApi | None:
        """Where the system can be told where its webhooks go; None where that is not known. What is registered there,
        made anew and taken back is the gateway's matter (`gateway.integrations.subscriptions`). Asks nobody.
        """
        if instance.connection is None:
            return None
        lists: list[tuple[str, Mapping[str, str]]] = [(one.name, {}) for one in self.resources(instance)]
        provider = instance.connection.opened.provider.id
        return WebhookApi(provider=provider, client=instance.connected(), lists=lists)

    def manage(self, instance: Instance, action: Action) -> Seen:
        """What the type does at `action`, of an integration that is active. What it raises stops the action.

        `instance` has, for `UPDATE`, the new configuration, which takes the old one's place afterwards.
        """
        return Seen("") if action is Action.SYNC else self.test_connection(instance)

    def checks(self, instance: Instance) -> Sequence[CheckResult]:
        """What beyond the common checks tells its health. Raises `IntegrationError`."""
        return ()

    def changes_in(self, event: SourceEvent) -> Sequence[NamedRecord]:
        """Which records a webhook names; these are looked up. Pure."""
        return ()

    def open_stream(self, instance: Instance) -> LiveStream:
        """A live stream, if the type `is_live`. Raises `IntegrationError`."""
        raise NotImplementedError
