"""Samples: realistic events of providers, and signing them as the provider would, for trying a gateway out."""

from __future__ import annotations
