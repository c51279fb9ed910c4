"""Vectors: signed requests in a file, one JSON object a line, and whether an entry judges them as they expect.

The form is that of tests/fixtures/vectors.jsonl, described in docs/ADDING_A_PROVIDER.md. Pure: text in, results out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.errors import InvalidInput
from gateway.providers import Provider
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.engine import judge
from gateway.webhooks.verification.request import InboundRequest
from gateway.webhooks.verification.verdict import Verdict

EXPECTATIONS = ("accept", "reject", "handshake")

_SINGLE = ("public_key", "username", "password")
_OTHERS = ("secrets", "certs", "root_certs", "jwks", "pending_handshake")


@dataclass(frozen=True, slots=True)
class VectorResult:
    """One vector, judged. `fault` says what is not as it expects; None when all is."""

    id: str
    fault: str | None


def run_vectors(provider: Provider, text: str) -> list[VectorResult]:
    """Judge every vector of this provider; those of others are skipped.

    Raises `InvalidInput` that names line and reason.
    """
    return [_result(provider, number, vector) for number, vector in _parsed(text) if _is_for(provider, vector)]


def _parsed(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            vector = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"line {number}: not JSON: {error}") from error
        if not isinstance(vector, dict):
            raise InvalidInput(f"line {number}: must be a JSON object")
        yield number, vector


def _is_for(provider: Provider, vector: Mapping[str, object]) -> bool:
    return vector.get("provider", provider.id) == provider.id


def _result(provider: Provider, number: int, vector: Mapping[str, object]) -> VectorResult:
    name = str(vector.get("id") or f"line {number}")
    expect = vector.get("expect")
    if expect not in EXPECTATIONS:
        raise InvalidInput(f"line {number}: expect: must be one of {', '.join(EXPECTATIONS)}")
    now = vector.get("clock", 0)
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise InvalidInput(f"line {number}: clock: must be seconds since the epoch")
    scheme = vector.get("scheme")
    try:
        request, credentials = _request(vector.get("request")), _credentials(vector.get("config", {}))
    except ValueError as error:
        raise InvalidInput(f"line {number}: {error}") from error
    chosen = scheme if isinstance(scheme, str) else None
    verdict = judge(provider, request, credentials, now=float(now), scheme=chosen)
    return VectorResult(name, _fault(str(expect), vector.get("expected", {}), verdict))


def _request(raw: object) -> InboundRequest:
    if not isinstance(raw, dict):
        raise ValueError("request: must be an object with method, url, headers and body_b64 (or body)")
    headers = raw.get("headers", [])
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("request.headers: must be a list of pairs of name and value")
    try:
        body = base64.b64decode(str(raw["body_b64"]), validate=True) if "body_b64" in raw else None
    except binascii.Error as error:
        raise ValueError(f"request.body_b64: is not base64: {error}") from error
    return InboundRequest(
        str(raw.get("method", "POST")),
        str(raw.get("url", "")),
        [(str(name), str(value)) for name, value in pairs],
        str(raw.get("body", "")).encode() if body is None else body,
    )


def _credentials(raw: object) -> Credentials:
    if not isinstance(raw, dict):
        raise ValueError("config: must be an object with secrets and the like")
    secrets, roots = raw.get("secrets", []), raw.get("root_certs", [])
    certs, jwks = raw.get("certs", {}), raw.get("jwks")
    if not isinstance(secrets, list) or not isinstance(roots, list):
        raise ValueError("config.secrets: must be a list of texts")
    if not isinstance(certs, dict) or not (jwks is None or isinstance(jwks, dict)):
        raise ValueError("config.certs: must be an object of PEM by URL")
    public_key = raw.get("public_key", "")
    return Credentials(
        secrets=[str(secret) for secret in secrets],
        public_key=[str(key) for key in public_key] if isinstance(public_key, list) else str(public_key),
        certs={str(url): str(pem) for url, pem in certs.items()},
        root_certs=[str(root) for root in roots],
        jwks=jwks,
        username=_text(raw.get("username")),
        password=_text(raw.get("password")),
        pending_handshake=raw.get("pending_handshake") is True,
        options={str(name): str(value) for name, value in raw.items() if name not in (*_SINGLE, *_OTHERS)},
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _fault(expect: str, expected: object, verdict: Verdict) -> str | None:
    """What is not as the vector expects."""
    if expect == "handshake":
        return None if verdict.handshake is not None else f"is no handshake: {verdict.detail or 'it is an event'}"
    if expect == "reject":
        return "is accepted, and should be rejected" if verdict.accepted else None
    if not verdict.accepted:
        return f"is rejected ({verdict.reason}: {verdict.detail}), and should be accepted"
    wanted = expected if isinstance(expected, dict) else {}
    for name, got in (("event_type", verdict.event_type), ("event_id", verdict.event_id)):
        if name in wanted and wanted[name] != got:
            return f"{name} is {got!r}, and should be {wanted[name]!r}"
    return None
