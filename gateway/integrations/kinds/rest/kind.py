"""The integration type `rest`: any JSON-over-HTTP system that is described as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.entities.external import RecordInvalid
from gateway.errors import Fault, InvalidInput
from gateway.integrations.attributes import CONFIGURATION, Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.rest.description import describe
from gateway.integrations.kinds.rest.lists import CREDENTIAL, http_of, lists_of, provider_of, system_of
from gateway.integrations.kinds.rest.resource import RestResource
from gateway.integrations.type import ANY_PROVIDER, IntegrationType, Seen, WebhookApi
from gateway.providers import catalogue


class RestType(IntegrationType):
    """A system by its description: the catalogue's, or the integration's own."""

    id = "rest"
    label = "A system described as data"
    description = "Any system with JSON over HTTP: the lists of a catalogue entry, or a description of your own."
    attributes = (
        Attribute(
            key="provider",
            label="Provider",
            help="whose lists the catalogue describes; leave it out to describe the system yourself",
            example="hubspot",
        ),
        Attribute(
            key="description",
            label="Description",
            kind=AttributeKind.MAPPING,
            help="the system as data: `api` (how it is called) and `entities` (what its records are here)",
        ),
        Attribute(
            key="resources",
            label="Lists",
            kind=AttributeKind.LIST,
            help="which of the lists are synced; all that `entities` names unless said",
            example="contacts,companies",
        ),
        Attribute(
            key="parameters",
            label="Parameters",
            kind=AttributeKind.MAPPING,
            help="what stands in braces in the base URL: a shop, an account, a region",
        ),
        Attribute(
            key="base_url",
            label="Base URL",
            kind=AttributeKind.URL,
            help="instead of the description's: a sandbox, a server of your own",
        ),
        Attribute(
            key=CREDENTIAL,
            label="Credential",
            kind=AttributeKind.SECRET,
            help="the key or token that calls carry (name:password for Basic); or use a connection",
        ),
    )
    providers = (ANY_PROVIDER,)

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """What is wrong with the description. A provider of the operator's own catalogue is judged when opened."""
        provider, written = configuration.get("provider"), configuration.get("description", {})
        entry = catalogue().get(provider) if provider is not None else None
        if "api" not in written and (entry is None or entry.api is None):
            return ()
        try:
            describe(written, api=entry.api if entry is not None else None, chosen=configuration.get("resources", ()))
        except InvalidInput as error:
            return [_of_configuration(fault) for fault in error.faults]
        return ()

    def test_connection(self, instance: Instance) -> Seen:
        """Reads the first page of the first list, and says how its records read."""
        resource = self.resources(instance)[0]
        page = next(resource.pages(None, None))
        said = f"{resource.name}: {len(page.records)} on the first page" + ("" if page.next is None else ", and more")
        unread = _unread(resource, page.records)
        return Seen(said + unread, {"resource": resource.name, "records": len(page.records)})

    def webhook_api(self, instance: Instance) -> WebhookApi | None:
        """That of the provider whose lists the catalogue describes."""
        provider = provider_of(instance)
        if provider is None:
            return None
        system = system_of(instance)
        lists = [(name, dict(entity.parameters)) for name, entity in system.entities.items()]
        return WebhookApi(provider=provider, client=http_of(instance, system), lists=lists)

    def resources(self, instance: Instance) -> Sequence[RestResource]:
        """One for each list that is chosen."""
        system = system_of(instance)
        lists = lists_of(instance, system)
        return [
            RestResource(name, lists[name], system.api, entity, instance.clock)
            for name, entity in system.entities.items()
        ]


def _unread(resource: RestResource, records: Sequence[Any]) -> str:
    """How many records are not what the description says, and what is wrong with the first one."""
    wrong = []
    for record in records:
        try:
            resource.map(record)
        except RecordInvalid as error:
            wrong.append(error)
    if not wrong:
        return ""
    first = wrong[0].faults[0]
    return f"; {len(wrong)} of them are not what the description says ({first.field}: {first.message})"


def _of_configuration(fault: Fault) -> Fault:
    key = "resources" if fault.field == "resources" else f"description.{fault.field}".rstrip(".")
    return Fault(f"{CONFIGURATION}.{key}", fault.code, f"{key}: {fault.message}", fault.parameters, fault.hint)
