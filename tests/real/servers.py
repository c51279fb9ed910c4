"""Which real servers there are: `scripts/try-real` makes them and names them in the environment."""

from __future__ import annotations

import os

import pytest


def named(variable: str, system: str) -> str:
    """What `variable` says; without it the module's tests are skipped, in CI too: they are no part of what it asks."""
    value = os.environ.get(variable, "")
    if not value:
        pytest.skip(f"a longer run: scripts/try-real {system}", allow_module_level=True)
    return value
