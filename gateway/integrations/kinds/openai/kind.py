"""OpenAI: vectors of chosen fields of entities that other integrations have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.clients.systems.openai import MODEL, OpenAI
from gateway.entities.external import ExternalResource
from gateway.errors import Fault, InvalidInput
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.openai.resource import Embeddings
from gateway.integrations.kinds.openai.subjects import Subjects
from gateway.integrations.kinds.rest.paths import compile_path
from gateway.integrations.type import IntegrationType, Seen


class OpenAIType(IntegrationType):
    """See docs/integrations/openai.md."""

    id = "openai"
    label = "OpenAI embeddings"
    description = "Vectors of chosen fields of other integrations' entities, kept up to date within a limit of tokens."
    attributes = (
        Attribute(
            key="integrations",
            label="Integrations",
            kind=AttributeKind.LIST,
            required=True,
            minimum=1,
            maximum=50,
            help="Whose entities are embedded, by their names.",
            example=["crm"],
        ),
        Attribute(
            key="kinds",
            label="Kinds",
            kind=AttributeKind.LIST,
            required=True,
            minimum=1,
            maximum=50,
            help="Of which kinds.",
            example=["issue", "contact"],
        ),
        Attribute(
            key="fields",
            label="Fields",
            kind=AttributeKind.LIST,
            required=True,
            minimum=1,
            maximum=50,
            help="JMESPath over the entity: name, state, kind, attributes.",
            example=["name", "attributes.body"],
        ),
        Attribute(
            key="tokens_per_sync",
            label="Tokens a sync",
            kind=AttributeKind.INTEGER,
            default=1_000_000,
            minimum=1_000,
            help="What one sync may spend at most; what is left waits for the next one.",
        ),
        Attribute(key="model", label="Model", default=MODEL),
        Attribute(
            key="dimensions",
            label="Dimensions",
            kind=AttributeKind.INTEGER,
            minimum=1,
            maximum=3072,
            help="Numbers in a vector, for models that can be asked for that; else what the model has.",
        ),
        Attribute(
            key="longest_text",
            label="Longest text",
            kind=AttributeKind.INTEGER,
            default=6_000,
            minimum=100,
            maximum=30_000,
            help="In characters; what is longer is cut. A model takes 8192 tokens.",
        ),
        Attribute(
            key="base_url",
            label="URL of the API",
            kind=AttributeKind.URL,
            help="That of another server which speaks OpenAI's API.",
        ),
        Attribute(key="api_key", label="API key", kind=AttributeKind.SECRET, help="Not needed with a connection."),
    )
    providers = ("openai",)
    schedule = "1h"

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Fields are expressions that compile."""
        for text in configuration.get("fields", ()):
            try:
                compile_path(str(text)).check_calls()
            except InvalidInput as error:
                return [Fault("configuration.fields", "malformed", f"{text!r}: {error}")]
        return ()

    def test_connection(self, instance: Instance) -> Seen:
        """Embeds one word, which costs one token, and shows that key, model and dimensions fit together."""
        wanted = instance.configuration
        vector = _client(instance).create_embedding("test", wanted["model"], dimensions=wanted.get("dimensions"))
        return Seen(f"{wanted['model']} gives vectors of {len(vector)} numbers", {"dimensions": len(vector)})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        wanted = instance.configuration
        subjects = Subjects(
            database=instance.installation.database,
            tenant_id=instance.tenant_id,
            instance_id=instance.id,
            integrations=list(dict.fromkeys(wanted["integrations"])),
            kinds=list(dict.fromkeys(wanted["kinds"])),
            paths=[compile_path(text) for text in wanted["fields"]],
            longest=wanted["longest_text"],
        )
        return [
            Embeddings(
                _client(instance),
                subjects,
                model=wanted["model"],
                dimensions=wanted.get("dimensions"),
                tokens_per_sync=wanted["tokens_per_sync"],
            )
        ]


def _client(instance: Instance) -> OpenAI:
    given = instance.connection
    credential = given.opened.plan.auth if given is not None else instance.secrets.get("api_key")
    options = instance.client_options()
    options.pop("system")
    client = OpenAI(credential, base_url=instance.configuration.get("base_url"), **options)
    instance.closing(client.http)
    return client
