"""What a person types for a field, as a value. Pure."""

from __future__ import annotations

import json
from typing import Any

from gateway.content.jsontext import ABSENT, parse


def valued(typed: str, current: Any) -> Any:
    """JSON where it is some, else the text as it stands. A field that has a text keeps having one: `postcode=8001` is
    no number there, while `null` empties it, and a text in quotes is what is within.
    """
    found = parse(typed)
    if found is ABSENT or not _is_json(found):
        return typed
    if isinstance(current, str) and isinstance(found, bool | int | float):
        return typed
    return found


def _is_json(value: object) -> bool:
    """Python reads NaN and Infinity too."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True
