"""FHIR R4: patients and observations, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gateway.clients.auth.base import Auth, Bearer
from gateway.clients.systems.fhir import FhirClient
from gateway.entities.external import ExternalResource
from gateway.errors import Fault, InvalidInput
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.fhir.entities import TYPES
from gateway.integrations.kinds.fhir.resource import FhirResource
from gateway.integrations.type import ANY_PROVIDER, IntegrationType, Seen


class FhirType(IntegrationType):
    """See docs/integrations/fhir.md."""

    id = "fhir"
    label = "FHIR server"
    description = "Patients and observations of an FHIR R4 server, both ways, bound to versions."
    attributes = (
        Attribute(
            key="base_url",
            label="URL",
            kind=AttributeKind.URL,
            required=True,
            help="The server's base, which /metadata follows.",
            example="https://ehr.example.com/fhir",
        ),
        Attribute(
            key="resources",
            label="What is synced",
            kind=AttributeKind.LIST,
            choices=tuple(TYPES),
            default=list(TYPES),
            help="Without any, both.",
        ),
        Attribute(
            key="search",
            label="Only these",
            kind=AttributeKind.MAPPING,
            default={},
            help="Search parameters by what is synced.",
            example={"observations": {"category": "vital-signs"}},
        ),
        Attribute(
            key="identifier_system",
            label="System of our identifiers",
            default="urn:gateway:created",
            help="What is made from here gets an identifier of this system, by which it is found again.",
        ),
        Attribute(
            key="client_id",
            label="Client id",
            help="Of SMART Backend Services, with the private key. Not for a token, a connection, an open server.",
        ),
        Attribute(key="scope", label="Scope", default="system/Patient.rs system/Observation.rs"),
        Attribute(key="key_id", label="Key id", help="By which the server knows the key."),
        Attribute(key="private_key", label="Private key", kind=AttributeKind.SECRET, help="PEM or JWK."),
        Attribute(key="token", label="Token", kind=AttributeKind.SECRET),
    )
    providers = (ANY_PROVIDER,)
    sync_defaults: ClassVar[Mapping[str, Any]] = {"policy": "manual"}

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Searches are texts by names, by what is synced."""
        for name, search in configuration.get("search", {}).items():
            if name not in TYPES:
                return [Fault("configuration.search", "unknown", f"{name!r} is none of {', '.join(TYPES)}")]
            if not isinstance(search, Mapping) or not all(isinstance(value, str) for value in search.values()):
                return [Fault("configuration.search", "malformed", f"that of {name} has no texts by names")]
        return ()

    def test_connection(self, instance: Instance) -> Seen:
        """What the server says that it is; and one search, since that takes the credentials."""
        client = _client(instance)
        capability = client.capability()
        first = instance.configuration["resources"][0]
        next(client.search_pages(TYPES[first][0], count=1))
        software = capability.software or "an FHIR server"
        return Seen(f"{software}, FHIR {capability.fhir_version}", {"fhir_version": capability.fhir_version})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        wanted, client = instance.configuration, _client(instance)
        return [
            FhirResource(name, *TYPES[name], client, wanted["search"].get(name, {}), wanted["identifier_system"])
            for name in wanted["resources"]
        ]


def _client(instance: Instance) -> FhirClient:
    wanted, options = instance.configuration, instance.client_options()
    if "private_key" in instance.secrets:
        if not wanted.get("client_id"):
            raise InvalidInput.at("configuration.client_id", "missing", "a private key needs the client id")
        client = FhirClient.for_backend(
            wanted["base_url"],
            wanted["client_id"],
            instance.secrets["private_key"],
            scope=wanted["scope"],
            key_id=wanted.get("key_id"),
            **options,
        )
    else:
        client = FhirClient(wanted["base_url"], auth=_auth(instance), **options)
    instance.closing(client.http)
    return client


def _auth(instance: Instance) -> Auth | None:
    if instance.connection is not None:
        return instance.connection.opened.plan.auth
    return Bearer(instance.secrets["token"]) if "token" in instance.secrets else None
