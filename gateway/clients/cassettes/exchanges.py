"""What a cassette holds, and its file: requests and their answers, as YAML that people read and change. No network."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.clients.values import Pairs
from gateway.strict_yaml import load_strictly

VERSION: Final = 1
_HEAD: Final = (
    "# Recorded by gateway.clients.cassettes, without what is known as secret. Read it before you commit it.\n"
)


class CassetteError(AssertionError):
    """A cassette that cannot be read, or has no answer for a request. An error of the test, and not of the system: no
    client takes it for one, tries again or falls back.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as it is recorded: its whole URL, and of its headers the content type."""

    method: str
    url: str
    content_type: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer to a request, its body decoded."""

    status: int
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer."""

    request: Request
    answer: Recorded


def read_cassette(path: Path) -> list[Exchange]:
    """What is recorded at `path`, in order. Raises `CassetteError`."""
    try:
        document = load_strictly(path.read_text("utf-8"))
        if not isinstance(document, dict) or document.get("version") != VERSION:
            raise ValueError(f"not a cassette of version {VERSION}")
        return [_exchange(one) for one in document["exchanges"]]
    except FileNotFoundError as error:
        raise CassetteError(f"there is no cassette {path}: record it first, with record=True") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(f"the cassette {path} cannot be read: {type(error).__name__} {error}") from error


def write_cassette(path: Path, exchanges: Sequence[Exchange]) -> None:
    """Write `exchanges` to `path`, in place of what was there."""
    document = {"version": VERSION, "exchanges": [_written(one) for one in exchanges]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120), "utf-8")


def _written(exchange: Exchange) -> dict[str, Any]:
    asked, answer = exchange.request, exchange.answer
    request: dict[str, Any] = {"method": asked.method, "url": asked.url}
    if asked.content_type:
        request["content_type"] = asked.content_type
    headers = [f"{name}: {value}" for name, value in answer.headers]
    return {
        "request": request | _body(asked.body),
        "answer": {"status": answer.status, "headers": headers, **_body(answer.body)},
    }


def _body(body: bytes) -> dict[str, str]:
    if not body:
        return {}
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode("ascii")}


def _exchange(one: Mapping[str, Any]) -> Exchange:
    asked, answer = one["request"], one["answer"]
    headers = [line.partition(": ") for line in answer.get("headers", ())]
    return Exchange(
        Request(str(asked["method"]), str(asked["url"]), str(asked.get("content_type", "")), _bytes(asked)),
        Recorded(int(answer["status"]), tuple((name, value) for name, _, value in headers), _bytes(answer)),
    )


def _bytes(document: Mapping[str, Any]) -> bytes:
    if "body_base64" in document:
        return b64decode(document["body_base64"], validate=True)
    return str(document.get("body", "")).encode()
