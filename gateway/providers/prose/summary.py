"""An entry of the catalogue in short: who it is, how it signs, and how far to trust that. As a value, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import Schema, fields

from gateway.providers.model import Provider
from gateway.providers.prose.words import EVIDENCE, method_words
from gateway.providers.ways import ways


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
class OAuthSummary:
    """How accounts are connected: the kind, the values that are asked for, how tokens are renewed, evidence."""

    kind: str
    scopes: Sequence[str]
    parameters: Sequence[str]
    refresh: str
    evidence: EvidenceSummary


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """An entry. `choose` says who chooses among its schemes, None where it has none; `lists` are those of its API, None
    where that is not described, as `oauth` is. `ways` are those in which an account is connected. `origin` is the name
    of its file.
    """

    id: str
    name: str
    category: str
    schemes: Sequence[SchemeSummary]
    choose: str | None
    lists: Sequence[str] | None
    ways: Sequence[str]
    oauth: OAuthSummary | None
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
        ways=tuple(way.kind for way in ways(provider)),
        oauth=_oauth(provider),
        evidence=EvidenceSummary(provider.evidence.level, EVIDENCE[provider.evidence.level]),
        origin=provider.origin,
    )


def _oauth(provider: Provider) -> OAuthSummary | None:
    oauth = provider.oauth
    if oauth is None:
        return None
    return OAuthSummary(
        kind=oauth.kind,
        scopes=oauth.authorize.scopes if oauth.authorize is not None else (),
        parameters=tuple(oauth.parameters),
        refresh=oauth.refresh.style,
        evidence=EvidenceSummary(oauth.evidence.level, EVIDENCE[oauth.evidence.level]),
    )


class SchemeSchema(Schema):
    """One way of signing."""

    id = fields.String()
    method = fields.String()


class EvidenceSchema(Schema):
    """How an entry was checked."""

    level = fields.String()
    meaning = fields.String()


class OAuthSchema(Schema):
    """How accounts are connected."""

    kind = fields.String()
    scopes = fields.List(fields.String())
    parameters = fields.List(fields.String())
    refresh = fields.String()
    evidence = fields.Nested(EvidenceSchema)


class ProviderSchema(Schema):
    """An entry, shown in this order."""

    id = fields.String()
    name = fields.String()
    category = fields.String()
    schemes = fields.List(fields.Nested(SchemeSchema))
    choose = fields.String(allow_none=True)
    lists = fields.List(fields.String(), allow_none=True)
    ways = fields.List(fields.String())
    oauth = fields.Nested(OAuthSchema, allow_none=True)
    evidence = fields.Nested(EvidenceSchema)
    origin = fields.String(data_key="from")
