"""What of a thing's values is kept in the audit trail, and exported: JSON without secrets. Pure.

Summaries hold no secret by themselves. This is the second lock: by name, by form, and what vendors put into URLs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from gateway.clock import iso
from gateway.security.redaction import HIDDEN, REDACTED, is_secret_name, redact_text, redact_url
from gateway.security.tokens import is_unguessable

KEPT_CHARACTERS = 4096
"""Of one text: a transform may be as long as a book."""
SLUG_CHARACTERS = 10

_SLUG = re.compile(r"src_[A-Za-z0-9_-]{32,}")
_URL = re.compile(r"https?://\S+")


def kept_object(values: Mapping[str, object]) -> str:
    """`values` as the text of a JSON object, without secrets, long texts cut."""
    return json.dumps(without_secrets(values, characters=KEPT_CHARACTERS), ensure_ascii=True, separators=(",", ":"))


def kept_text(text: str, characters: int) -> str:
    """A name as it is kept: at most so many characters, and no secret. What is an address that nobody may guess is
    cut down to its beginning.
    """
    return redact_text(_without_slugs(text.replace("\x00", "")))[:characters]


def without_secrets(value: object, *, characters: int | None = None) -> Any:
    """`value` (of dataclasses, mappings, sequences, enums, times) as JSON takes it, without secrets; texts cut down to
    `characters`, if given.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return _text(value, characters)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {_without_slugs(str(name)): _field(str(name), item, characters) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item, characters=characters) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((without_secrets(item, characters=characters) for item in value), key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _field(item.name, getattr(value, item.name), characters) for item in fields(value)}
    # Bytes are bodies, keys or sealed values.
    return REDACTED


def _field(name: str, value: object, characters: int | None) -> Any:
    # Enums are words of ours: what a state says of a secret is none.
    is_text = isinstance(value, str) and not isinstance(value, Enum)
    return REDACTED if is_text and is_secret_name(name) else without_secrets(value, characters=characters)


def _text(text: str, characters: int | None) -> str:
    shown = _without_slugs(redact_text(_URL.sub(lambda match: redact_url(match[0]), text)))
    return shown if characters is None or len(shown) <= characters else shown[:characters] + HIDDEN


def _without_slugs(text: str) -> str:
    """`text` without the addresses that are themselves the secret of their source: of each, its beginning."""
    return _SLUG.sub(lambda match: match[0][:SLUG_CHARACTERS] + HIDDEN if is_unguessable(match[0]) else match[0], text)
