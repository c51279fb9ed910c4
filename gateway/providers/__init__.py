"""The provider catalogue: one YAML file per provider, its schema and its registry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gateway.providers.model import Evidence, Option, Provider
from gateway.providers.registry import (
    catalogue,
    entry,
    find_by_any_name,
    find_provider,
    load_catalogue,
    proofs,
    search_providers,
    shared_secrets,
)
from gateway.providers.webhook.model import AnswerRule, DeliveryRule, HandshakeRule, Scheme, Webhook

if TYPE_CHECKING:
    from gateway.providers.loader import CatalogueError, load_file, parse_provider

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
    "find_by_any_name",
    "find_provider",
    "load_catalogue",
    "load_file",
    "parse_provider",
    "proofs",
    "search_providers",
    "shared_secrets",
]


def __getattr__(name: str) -> Any:
    """What reads YAML files, and its libraries, are loaded when somebody asks (PEP 562)."""
    if name not in ("CatalogueError", "load_file", "parse_provider"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("gateway.providers.loader"), name)
