"""The provider catalogue: one YAML file per provider, its schema and its registry."""

from __future__ import annotations

from gateway.providers.loader import CatalogueError, load_file, parse_provider
from gateway.providers.model import Answer, Delivery, Evidence, Handshake, Option, Provider, Scheme, Webhook
from gateway.providers.registry import catalogue, load_catalogue

__all__ = [
    "Answer",
    "CatalogueError",
    "Delivery",
    "Evidence",
    "Handshake",
    "Option",
    "Provider",
    "Scheme",
    "Webhook",
    "catalogue",
    "load_catalogue",
    "load_file",
    "parse_provider",
]
