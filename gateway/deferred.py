"""Modules that are imported when something of theirs is first used: for what is slow to load and seldom needed.

Beside `deferred("gateway.telemetry.metrics")` belongs an import under `TYPE_CHECKING`, for the types.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Deferred:
    """Stands for a module; attributes are the module's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


def deferred(name: str) -> Any:
    """What stands for the module `name` until it is needed. Importing it is left to the first use of an attribute."""
    return _Deferred(name)
