"""The provider catalogue: one YAML file per provider, its schema and its registry."""

from __future__ import annotations

from gateway.providers.loader import CatalogueError, load_file, parse_provider
from gateway.providers.model import Evidence, Option, Provider
from gateway.providers.registry import (
    catalogue,
    entry,
    find_provider,
    load_catalogue,
    proofs,
    search_providers,
    shared_secrets,
)
from gateway.providers.webhook.model import AnswerRule, DeliveryRule, HandshakeRule, Scheme, Webhook

__all__ = [
    "AnswerRule",
    "CatalogueError",
    "DeliveryRule",
    "Evidence",
    "HandshakeRule",
    "Option",
    "Provider",
    "Scheme",
    "Webhook",
    "catalogue",
    "entry",
    "find_provider",
    "load_catalogue",
    "load_file",
    "parse_provider",
    "proofs",
    "search_providers",
    "shared_secrets",
]
