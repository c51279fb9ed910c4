"""The lists of an integration's system, opened: by its connection, or by a credential of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.clients.client import ApiClient
from gateway.clients.described.client import DescribedClient, DescribedResource
from gateway.clients.described.judging import judge_of
from gateway.errors import InvalidInput
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.rest.description import describe
from gateway.integrations.kinds.rest.model import SystemDescription
from gateway.providers import find_provider
from gateway.providers.api.model import Api

CREDENTIAL = "credential"
"""The secret that calls carry where there is no connection."""


def system_of(instance: Instance) -> SystemDescription:
    """What the integration's configuration describes. Raises `InvalidInput`."""
    configuration = instance.configuration
    written: Mapping[str, Any] = configuration.get("description", {})
    provider = provider_of(instance)
    api = api_of(instance, provider) if provider is not None else None
    return describe(written, api=api, chosen=configuration.get("resources", ()))


def provider_of(instance: Instance) -> str | None:
    """Whose lists they are, by its id in the catalogue; None where the integration describes the system itself."""
    configuration = instance.configuration
    provider: str | None = configuration.get("provider")
    if provider is None and instance.connection is not None and "api" not in configuration.get("description", {}):
        return instance.connection.opened.provider.id
    return provider


def http_of(instance: Instance, system: SystemDescription) -> ApiClient:
    """A client for the system's API, which is closed with the instance. Raises `InvalidInput`."""
    if instance.connection is None:
        return _by_credential(instance, system.api).http
    return instance.connected(judge=judge_of(system.api))


def api_of(instance: Instance, provider: str) -> Api:
    """How the catalogue says that a provider is called. Raises `NotFound`, `InvalidInput`."""
    entry = find_provider(instance.installation.catalogue, provider)
    if entry.api is None:
        raise InvalidInput.at(
            "configuration.provider", "malformed", f"the catalogue does not say how {provider} is called: describe it"
        )
    return entry.api


def lists_of(instance: Instance, system: SystemDescription) -> Mapping[str, DescribedResource]:
    """The lists by name, with clients that are closed with the instance. Raises `InvalidInput`."""
    if instance.connection is None:
        client = _by_credential(instance, system.api)
        return {name: client.resource(name) for name in system.entities}
    connected = instance.connected(judge=judge_of(system.api))
    if system.api is instance.connection.opened.provider.api:
        return {name: connected.resource(name) for name in system.entities}
    described = DescribedClient(system.api, connected)
    if of_services := [name for name in system.entities if system.api.resources[name].service is not None]:
        raise InvalidInput(f"a connection calls one address, and {', '.join(of_services)} is of another service")
    return {name: described.resource(name) for name in system.entities}


def _by_credential(instance: Instance, api: Api) -> DescribedClient:
    configuration = instance.configuration
    options = instance.client_options()
    if api.rates:
        # What the system is known to take; what it says itself holds beside that.
        options.pop("rate_limit")
    credential = instance.secrets.get(CREDENTIAL)
    if credential is None and api.credential.kind != "none":
        raise InvalidInput.at(
            f"secrets.{CREDENTIAL}", "missing", "the system needs a credential: give a key or token, or a connection"
        )
    made = DescribedClient.for_api(
        options.pop("system"),
        api,
        credential,
        parameters=configuration.get("parameters"),
        base_url=configuration.get("base_url"),
        **options,
    )
    return instance.closing(made)
