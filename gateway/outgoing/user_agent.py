"""What this gateway calls itself in the requests that it sends."""

from __future__ import annotations

PRODUCT = "gateway/1"


def user_agent(purpose: str) -> str:
    """The value of `User-Agent` for requests sent for `purpose`, a few words of ASCII."""
    return f"{PRODUCT} ({purpose})"
