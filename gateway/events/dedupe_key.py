"""The provider's id of an event, as the journal keeps it and as people look for it. Pure."""

from __future__ import annotations

import hashlib

KEY_CHARACTERS = 200


def dedupe_key(event_id: str | None) -> str | None:
    """The provider's id for the event; hashed where it is too long or cannot be stored, so that it stays unique."""
    if not event_id:
        return None
    if len(event_id) <= KEY_CHARACTERS and event_id.isprintable():
        return event_id
    return "sha256:" + hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
