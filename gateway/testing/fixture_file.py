"""Files of captured events: what is in one, reading and writing. Masking is done before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import InvalidInput

ABOUT = "Captured by a gateway; secrets and personal data are masked."
MAX_FILES = 1_000
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """An event of production, masked. `options` are those of its source, `headers` are without proofs."""

    event: str
    provider: str
    source: str
    type: str | None
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    scheme: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_fixture(path: Path) -> CapturedEvent:
    """What a file holds. Raises `InvalidInput` that says what is wrong with it."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        body = (
            found["body"] if "body" in found else json.dumps(found["json"], separators=(",", ":"), ensure_ascii=False)
        )
        return CapturedEvent(
            event=str(found["event"]),
            provider=found["provider"],
            source=found["source"],
            type=found["type"],
            body=body.encode(),
            headers=dict(found["headers"]),
            scheme=found.get("scheme"),
            options=dict(found.get("options") or {}),
        )
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} is no captured event: {error}") from error


def write_fixture(folder: Path, captured: CapturedEvent) -> Path:
    """Write it into a file of its source and type: over the one of the same event, beside those of others."""
    found: dict[str, Any] = {"about": ABOUT, "event": captured.event, "provider": captured.provider}
    found |= {"scheme": captured.scheme, "source": captured.source, "type": captured.type}
    found |= {"options": dict(captured.options), "headers": dict(captured.headers)}
    text = captured.body.decode()
    try:
        found["json"] = json.loads(text)
    except ValueError:
        found["body"] = text
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free(folder, captured)
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}") from error
    return path


def _free(folder: Path, captured: CapturedEvent) -> Path:
    name = _UNFIT.sub("-", f"{captured.source}.{captured.type or 'untyped'}")[:100]
    for number in range(1, MAX_FILES):
        path = folder / (f"{name}.json" if number == 1 else f"{name}.{number}.json")
        if not path.exists() or _is_of(path, captured.event):
            return path
    raise InvalidInput(f"{folder} has {MAX_FILES} captured events of this type")


def _is_of(path: Path, event: str) -> bool:
    try:
        return read_fixture(path).event == event
    except InvalidInput:
        return False
