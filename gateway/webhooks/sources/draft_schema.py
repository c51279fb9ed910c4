"""What may be given for a source as data: in a manifest and by programs. What is shown of one is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.schema_fields import Age, texts
from gateway.webhooks.sources.changes import CredentialDraft, SourceChange
from gateway.webhooks.sources.credentials import DEFAULT_OVERLAP
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.schemes import SECRET


class SourceSettingsSchema(Schema):
    """What may be given for a source whenever it changes."""

    options = texts(metadata={"description": "Values that the provider's scheme asks for."})
    allowed_ips = fields.List(fields.String(), metadata={"description": "Networks; empty for everyone."})
    rate = fields.Float(data_key="rate_per_second", allow_none=True)
    refuse_replays = fields.Boolean(allow_none=True)
    redeliver_duplicates = fields.Boolean(
        metadata={"description": "Whether an event that comes again is delivered again."}
    )
    retention_days = fields.Integer(
        strict=True,
        allow_none=True,
        metadata={"description": "How long its events are kept; null for as long as all others."},
    )


class SourceDraftSchema(SourceSettingsSchema):
    """What may be given for a new source."""

    slug = fields.String(load_default="", metadata={"description": "Stands in its URL; `-` has one made."})
    provider = fields.String(required=True)
    scheme = fields.String(allow_none=True)
    credentials = texts(metadata={"description": "By kind: `secret`, `public_key`, …"})
    enabled = fields.Boolean(load_default=True)
    generate_secret = fields.Boolean(metadata={"description": "Make a secret, and show it this once."})


class SourceChangeSchema(SourceSettingsSchema):
    """What may be changed of a source. Options that are not named stay; an empty value takes one away."""

    scheme = fields.String(allow_none=True)


class CredentialDraftSchema(Schema):
    """A new credential: `value`, or one that is made. The old ones count for the overlap more."""

    value = fields.String()
    kind = fields.String(load_default=SECRET)
    generate = fields.Boolean()
    overlap = Age(metadata={"description": "How long the old one still counts, such as `24h`, which is the default."})


def source_draft(data: Mapping[str, Any]) -> SourceDraft:
    """What `SourceDraftSchema` loaded, as a draft."""
    return SourceDraft(
        slug=data["slug"],
        provider=data["provider"],
        scheme=data.get("scheme"),
        credentials=data.get("credentials", {}),
        options=data.get("options", {}),
        allowed_ips=tuple(data.get("allowed_ips", ())),
        rate_per_second=data.get("rate"),
        refuse_replays=data.get("refuse_replays"),
        redeliver_duplicates=data.get("redeliver_duplicates", False),
        retention_days=data.get("retention_days"),
        enabled=data.get("enabled"),
        generate_secret=data.get("generate_secret", False),
    )


def source_change(data: Mapping[str, Any]) -> SourceChange:
    """What `SourceChangeSchema` loaded, as a change."""
    names = {"rate": "rate_per_second"}
    return SourceChange(**{names.get(name, name): value for name, value in data.items()})


def credential_draft(data: Mapping[str, Any]) -> CredentialDraft:
    """What `CredentialDraftSchema` loaded, as a draft."""
    return CredentialDraft(
        data.get("value", ""),
        data["kind"],
        generate=data.get("generate", False),
        overlap=data.get("overlap", DEFAULT_OVERLAP),
    )
