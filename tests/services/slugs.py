"""Slugs of sources in tests."""

from __future__ import annotations

# Such as `gateway sources add -` makes, the same in every run.
UNGUESSABLE = "src_abcdefghijklmnopqrstuvwxyz234567"
