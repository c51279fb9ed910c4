"""Which version of the gateway this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The version of the installed package; `unknown` in a tree that was not installed."""
    try:
        return version("gateway")
    except PackageNotFoundError:
        return "unknown"
