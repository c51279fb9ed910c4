"""An entry of the catalogue in short: who it is, how it signs, and how far to trust that. As a value, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import Schema, fields

from gateway.providers.model import Provider
from gateway.providers.prose.words import EVIDENCE, method_words


@dataclass(frozen=True, slots=True)
class SchemeSummary:
    """One way of signing. `method` is in words."""

    id: str
    method: str


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """How an entry was checked, and what that means."""

    level: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """An entry. `choose` says who chooses among its schemes, None where it has none; `lists` are those of its API, None
    where that is not described. `origin` is the name of its file.
    """

    id: str
    name: str
    category: str
    schemes: Sequence[SchemeSummary]
    choose: str | None
    lists: Sequence[str] | None
    evidence: EvidenceSummary
    origin: str


def summary(provider: Provider) -> ProviderSummary:
    """The entry in short. Pure."""
    return ProviderSummary(
        id=provider.id,
        name=provider.name,
        category=provider.category,
        schemes=tuple(SchemeSummary(scheme.id, method_words(scheme)) for scheme in provider.webhook.schemes),
        choose=provider.webhook.choose if provider.sends_webhooks else None,
        lists=tuple(provider.api.resources) if provider.api is not None else None,
        evidence=EvidenceSummary(provider.evidence.level, EVIDENCE[provider.evidence.level]),
        origin=provider.origin,
    )


class SchemeSchema(Schema):
    """One way of signing."""

    id = fields.String()
    method = fields.String()


class EvidenceSchema(Schema):
    """How an entry was checked."""

    level = fields.String()
    meaning = fields.String()


class ProviderSchema(Schema):
    """An entry, shown in this order."""

    id = fields.String()
    name = fields.String()
    category = fields.String()
    schemes = fields.List(fields.Nested(SchemeSchema))
    choose = fields.String(allow_none=True)
    lists = fields.List(fields.String(), allow_none=True)
    evidence = fields.Nested(EvidenceSchema)
    origin = fields.String(data_key="from")
