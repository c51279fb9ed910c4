"""The sample bodies: one JSON file per provider, by event type; the first one is the provider's default.

`@id@` stands for an id that is new every time, so that a sample is no duplicate, and `"@now@"` for the time in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.errors import NotFound

FOLDER = Path(__file__).parent
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
# Whose events are forms; everybody else sends JSON.
FORM_SENDERS = frozenset({"twilio"})


@lru_cache(maxsize=64)
def sample_bodies(provider_id: str) -> Mapping[str, Any]:
    """The samples of a provider by event type; empty when there are none."""
    path = FOLDER / f"{provider_id}.json"
    if not provider_id.isascii() or "/" in provider_id or not path.is_file():
        return {}
    bodies: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return bodies


def content_type(provider_id: str) -> str:
    """What the provider's events are written in."""
    return FORM if provider_id in FORM_SENDERS else JSON


def sample_body(provider_id: str, event_type: str, *, unique_id: str, now_seconds: int) -> bytes:
    """The sample of an event, as bytes to be signed. Raises `NotFound` that names the samples there are."""
    bodies = sample_bodies(provider_id)
    if event_type not in bodies:
        known = ", ".join(bodies) or "none"
        raise NotFound(f"{provider_id} has no sample {event_type!r} (there is: {known}); give a body with --body FILE")
    text = json.dumps(bodies[event_type], separators=(",", ":"))
    text = text.replace("@id@", unique_id).replace('"@now@"', str(now_seconds))
    return urlencode(json.loads(text)).encode() if content_type(provider_id) == FORM else text.encode()
