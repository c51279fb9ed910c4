"""`/providers`: the catalogue, which belongs to no tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest, page_of_values
from gateway.providers import find_by_any_name, search_providers
from gateway.providers.prose.summary import ProviderSchema, ProviderSummary, summary
from gateway.tenants.acting import Acting

GITHUB: Mapping[str, Any] = {
    "id": "github",
    "name": "GitHub",
    "category": "developer",
    "schemes": [{"id": "default", "method": "HMAC-SHA256 over the body"}],
    "choose": "request",
    "lists": ["issues"],
    "ways": ["authorization_code", "device_code", "api_key"],
    "oauth": {
        "kind": "oauth2",
        "scopes": ["read:user"],
        "parameters": [],
        "refresh": "none_or_rotating",
        "evidence": {
            "level": "docs",
            "meaning": "read in the vendor's documentation; not tried against the vendor's code",
        },
    },
    "evidence": {"level": "vendor_vectors", "meaning": "checked with the vendor's own examples"},
    "from": "github.yaml",
}

resource = Resource("providers", "Who can call, be connected and be called, and how. Any key may ask.")


class ProviderQuery(Schema):
    """Which providers are meant."""

    q = fields.String(load_default="", metadata={"description": "In the id, the name or the category."})
    category = fields.String(load_default=None)


@resource.list("/providers", query=ProviderQuery, answer=ProviderSchema, example=GITHUB)
def list_providers(acting: Acting, page: PageRequest, query: Mapping[str, Any]) -> Page[ProviderSummary]:
    """List providers, by id."""
    found = search_providers(acting.installation.catalogue, text=query["q"], category=query["category"])
    return page_of_values({one.id: summary(one) for one in found}, page, name="providers")


@resource.get("/providers/<provider>", answer=ProviderSchema, example=GITHUB)
def show_provider(acting: Acting, provider: str) -> ProviderSummary:
    """Show a provider."""
    return summary(find_by_any_name(acting.installation.catalogue, provider))
