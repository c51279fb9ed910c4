"""The gateway of one machine: whether its address is loopback, and what that changes in the settings."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.config import Settings, load_settings


def local_settings() -> Settings:
    """The settings, as `gateway run` would read them for the same base URL: on loopback, private addresses are
    allowed unless `GATEWAY_ALLOW_PRIVATE_DESTINATIONS` says something else. Raises `ConfigurationError`.
    """
    settings = load_settings()
    host = urlsplit(settings.base_url).hostname or ""
    if settings.allow_private_destinations or not is_loopback(host):
        return settings
    return load_settings(defaults=replace(Settings(), allow_private_destinations=True))


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
