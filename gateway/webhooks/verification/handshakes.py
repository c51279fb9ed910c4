"""Handshakes: requests that a vendor sends to check the endpoint, and the answer that it wants.

Unsigned ones are recognised before anything is verified, signed ones after. Whatever is echoed is bounded and
without control characters, so that no answer header can be forged through it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

from gateway.providers.webhook.model import AnswerRule, FetchRule, HandshakeRule
from gateway.providers.webhook.parts import Key
from gateway.providers.webhook.places import Place, Template
from gateway.webhooks.verification.checks import checks_of
from gateway.webhooks.verification.conditions import Predicate, all_hold
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.pinning import is_pinned
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed
from gateway.webhooks.verification.values import Message, message_of, text_of, to_bytes
from gateway.webhooks.verification.verdict import Handshake

MAX_ECHO_BYTES = 8192


@dataclass(frozen=True, slots=True)
class CompiledHandshake:
    """`recognises` the request; `answer` gives what to say, or raises Rejected when a proof is missing or wrong."""

    recognises: Predicate
    answer: Callable[[Reading], Handshake]


def compile_handshake(entry: HandshakeRule, key: Key) -> CompiledHandshake:
    """A handshake as functions; `key` says how the source's secret becomes the key of keyed answers."""
    applies = all_hold(entry.when) or (lambda reading: True)
    checks, build = checks_of(entry.checks), _builder(entry.answer)
    secrets = secrets_of(key) if entry.answer.is_keyed else None
    store = text_of(entry.store_secret) if entry.store_secret is not None else None
    fetch = _fetcher(entry.fetch) if entry.fetch is not None else None

    def recognises(reading: Reading) -> bool:
        if store is None or reading.credentials.pending_handshake:
            return applies(reading)
        # A secret is taken from a stranger only while the operator is waiting for one. A vendor that missed the answer
        # brings the same one again.
        return bool(reading.credentials.secrets) and applies(reading) and _is_held(store(reading), reading)

    def answer(reading: Reading) -> Handshake:
        if checks is not None:
            checks(reading)
        if secrets is not None and not reading.secret:
            reading.secret = secrets(reading.credentials)[0]
        headers, body = build(reading)
        return Handshake(
            status=entry.answer.status,
            headers=headers,
            body=body,
            store_secret=_bounded(to_bytes(store(reading) or "")).decode() if store is not None else None,
            fetch=fetch(reading) if fetch is not None else None,
            id=entry.id,
        )

    return CompiledHandshake(recognises, answer)


def _is_held(brought: str | None, reading: Reading) -> bool:
    given = to_bytes(brought or "")
    held = (one if isinstance(one, bytes) else to_bytes(one) for one in reading.credentials.secrets)
    return any(hmac.compare_digest(given, secret) for secret in held)


def _builder(answer: AnswerRule) -> Callable[[Reading], tuple[dict[str, str], bytes]]:
    headers = {name: message_of(template) for name, template in answer.headers.items()}
    body = message_of(answer.body) if answer.body is not None else None
    members = (
        {name: message_of(part) if isinstance(part, Template) else part for name, part in answer.json.items()}
        if answer.json is not None
        else None
    )

    def build(reading: Reading) -> tuple[dict[str, str], bytes]:
        sent = {"Content-Type": answer.content_type} if answer.content_type is not None else {}
        for name, part in headers.items():
            # An optional part that is absent leaves no empty header behind.
            if value := part(reading):
                sent[name] = _bounded(value).decode()
        if members is not None:
            return sent, _json_object(reading, members)
        return sent, _echo(body(reading)) if body is not None else b""

    return build


def _json_object(reading: Reading, members: dict[str, Message | int | bool]) -> bytes:
    values = {
        name: _echo(part(reading)).decode("utf-8", "replace") if callable(part) else part
        for name, part in members.items()
    }
    return json.dumps(values, separators=(",", ":")).encode()


def _echo(value: bytes) -> bytes:
    if len(value) > MAX_ECHO_BYTES:
        raise malformed("what the handshake wants echoed is too long")
    return value


def _bounded(value: bytes) -> bytes:
    """A value that goes into a header or is kept as a secret: printable ASCII, not empty."""
    if not value or len(value) > MAX_ECHO_BYTES or not all(32 <= byte < 127 for byte in value):
        raise malformed("what the handshake hands over is empty, too long or not printable")
    return value


def _fetcher(fetch: FetchRule) -> Callable[[Reading], str]:
    read: Callable[[Reading], str | None] = text_of(fetch.url)
    place: Place = fetch.url

    def url(reading: Reading) -> str:
        value = read(reading) or ""
        if not is_pinned(value, fetch.host, query=True):
            raise malformed(f"{place.text} does not lead to the vendor's own hosts")
        return value

    return url
