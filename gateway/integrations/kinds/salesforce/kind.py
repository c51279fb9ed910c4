"""Salesforce: contacts, accounts and leads, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from gateway.clients.auth.base import Auth, Bearer
from gateway.clients.systems.salesforce import VERSION, SalesforceClient
from gateway.entities.external import ExternalResource
from gateway.errors import Fault, InvalidInput
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.salesforce.entities import OBJECTS, object_of
from gateway.integrations.kinds.salesforce.resource import SalesforceResource
from gateway.integrations.type import IntegrationType, Seen
from gateway.oauth.calling.client import require_base_url

CLIENT_NAME: Final = "webhook-gateway"
"""By which Salesforce's own change events tell our changes from others'."""
_FIELD = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)


class SalesforceType(IntegrationType):
    """See docs/integrations/salesforce.md."""

    id = "salesforce"
    label = "Salesforce"
    description = "Contacts, accounts and leads, both ways; what was deleted or merged is followed."
    attributes = (
        Attribute(
            key="resources",
            label="What is synced",
            kind=AttributeKind.LIST,
            choices=tuple(OBJECTS),
            default=list(OBJECTS),
            help="Without any, all three.",
        ),
        Attribute(
            key="further_fields",
            label="Further fields",
            kind=AttributeKind.MAPPING,
            default={},
            help="Fields of Salesforce's by what is synced, which become attributes under their own names.",
            example={"contacts": ["Department", "Region__c"]},
        ),
        Attribute(
            key="external_id_field",
            label="External id field",
            pattern=_FIELD.pattern,
            help="A field of yours that is an external id there: with it, no create is made twice.",
            example="Gateway_Key__c",
        ),
        Attribute(key="version", label="Version of the API", pattern=r"\d{2,3}\.0", default=VERSION),
        Attribute(
            key="instance_url",
            label="URL of the instance",
            kind=AttributeKind.URL,
            help="Not needed with a connection.",
            example="https://acme.my.salesforce.com",
        ),
        Attribute(
            key="access_token",
            label="Access token",
            kind=AttributeKind.SECRET,
            help="Ends after hours: use a connection instead, which is renewed.",
        ),
    )
    providers = ("salesforce",)
    sync_defaults: ClassVar[Mapping[str, Any]] = {"policy": "manual"}

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Further fields are lists of names, by what is synced."""
        where = "configuration.further_fields"
        for name, fields in configuration.get("further_fields", {}).items():
            if name not in OBJECTS:
                return [Fault(where, "unknown", f"{name!r} is none of {', '.join(OBJECTS)}")]
            if not isinstance(fields, list) or not all(
                isinstance(one, str) and _FIELD.fullmatch(one) for one in fields
            ):
                return [Fault(where, "malformed", f"those of {name} are no list of names of fields")]
        return ()

    def test_connection(self, instance: Instance) -> Seen:
        """How many of its daily calls the organisation has left."""
        limit = _client(instance).limits().get("DailyApiRequests")
        said = f"; {limit.remaining} of {limit.limit} calls are left today" if limit is not None else ""
        return Seen(f"the organisation answers{said}", {"calls_left": None if limit is None else limit.remaining})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        wanted, client = instance.configuration, _client(instance)
        return [
            SalesforceResource(
                name,
                object_of(name, wanted["further_fields"].get(name, ())),
                client,
                instance.clock,
                wanted.get("external_id_field"),
            )
            for name in wanted["resources"]
        ]


def _client(instance: Instance) -> SalesforceClient:
    url = instance.configuration.get("instance_url")
    if instance.connection is not None:
        auth: Auth = instance.connection.opened.plan.auth
        parts = urlsplit(require_base_url(instance.connection))
        url = url or f"{parts.scheme}://{parts.netloc}"
    else:
        auth = Bearer(instance.secret("access_token"))
    if url is None:
        raise InvalidInput.at("configuration.instance_url", "missing", "the URL of the instance is missing")
    version = instance.configuration["version"]
    client = SalesforceClient(url, auth=auth, version=version, client_name=CLIENT_NAME, **instance.client_options())
    instance.closing(client.http)
    return client
