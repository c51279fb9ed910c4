"""The settings of a gateway on one machine: what changes in them when its address is loopback."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from gateway.config import Settings, read_settings
from gateway.errors import ConfigurationError
from gateway.security.loopback import is_loopback


def local_settings() -> Settings:
    """The settings, as `gateway run` would read them for the same base URL: on loopback, private addresses are
    allowed unless `GATEWAY_ALLOW_PRIVATE_DESTINATIONS` says something else. Raises `ConfigurationError`.
    """
    settings, error = read_local_settings()
    if error is not None:
        raise error
    return settings


def read_local_settings() -> tuple[Settings, ConfigurationError | None]:
    """The same without raising: faulty variables have their defaults, and are named."""
    settings, error = read_settings()
    host = urlsplit(settings.base_url).hostname or ""
    if settings.allow_private_destinations or not is_loopback(host):
        return settings, error
    return read_settings(defaults=replace(Settings(), allow_private_destinations=True))
