"""Signed events like GitHub's, as a load generator sends them. Signing happens before any clock starts.

GitHub signs the body alone, so a few signed bodies serve any number of requests: only `X-GitHub-Delivery` is new in
each. Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

BODY_BYTES = 4096
VARIANTS = 64
SECRET = "benchmark-secret"
EVENT_TYPE = "pull_request"


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body and the headers that belong to it, apart from `X-GitHub-Delivery`."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


def signed_bodies(secret: str = SECRET, *, size_bytes: int = BODY_BYTES, count: int = VARIANTS) -> list[SignedBody]:
    """`count` different bodies of exactly `size_bytes`, signed with `secret`."""
    return [_signed(pull_request(number, size_bytes), secret.encode()) for number in range(count)]


def pull_request(number: int, size_bytes: int = BODY_BYTES) -> bytes:
    """A pull request event, in shape like GitHub's, filled up to `size_bytes` by its description."""
    document = {
        "action": "opened",
        "number": number,
        "pull_request": {
            "url": f"https://api.github.com/repos/acme/shop/pulls/{number}",
            "id": 1_000_000 + number,
            "state": "open",
            "title": "Round totals the way the invoice does",
            "user": {"login": "octocat", "id": 583231, "type": "User", "site_admin": False},
            "head": {"ref": "totals", "sha": hashlib.sha1(str(number).encode()).hexdigest()},
            "base": {"ref": "main", "sha": "9049f1265b7d61be4a8904a9a27120d2064dab3b"},
            "labels": [{"id": 208045946, "name": "bug", "color": "f29513", "default": True}],
            "draft": False,
            "commits": 3,
            "additions": 104,
            "deletions": 27,
        },
        "repository": {"id": 35129377, "name": "shop", "full_name": "acme/shop", "private": True},
        "sender": {"login": "octocat", "id": 583231},
        "description": "",
    }
    missing = size_bytes - len(json.dumps(document))
    document["description"] = ("Totals were rounded per line. Now they are not. " * (missing // 48 + 1))[
        : max(0, missing)
    ]
    return json.dumps(document).encode()


def delivery_ids(prefix: str | None = None) -> Iterator[str]:
    """Endless `X-GitHub-Delivery` values that no other run makes: in shape like UUIDs, spread over the whole index."""
    run = prefix or secrets.token_hex(6)
    number = 0
    while True:
        # An odd multiplier keeps them distinct, and in an order as random as GitHub's.
        mixed = number * 0x9E3779B1 & 0xFFFFFFFF
        yield f"{mixed:08x}-{number & 0xFFFF:04x}-4{number >> 16 & 0xFFF:03x}-8000-{run}"
        number += 1


def request_parts(port: int, path: str, bodies: list[SignedBody]) -> list[tuple[bytes, bytes]]:
    """For each body, the bytes of its HTTP request before and after the delivery id."""
    parts = []
    for signed in bodies:
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in signed.headers]
        lines += [f"Content-Length: {len(signed.body)}", "X-GitHub-Delivery: "]
        parts.append(("\r\n".join(lines).encode("ascii"), b"\r\n\r\n" + signed.body))
    return parts


def _signed(body: bytes, secret: bytes) -> SignedBody:
    headers = (
        ("User-Agent", "GitHub-Hookshot/044aadd"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", EVENT_TYPE),
        ("X-GitHub-Hook-ID", "292430182"),
        ("X-GitHub-Hook-Installation-Target-ID", "79929171"),
        ("X-GitHub-Hook-Installation-Target-Type", "repository"),
        ("X-Hub-Signature", "sha1=" + hmac.digest(secret, body, "sha1").hex()),
        ("X-Hub-Signature-256", "sha256=" + hmac.digest(secret, body, "sha256").hex()),
    )
    return SignedBody(body, headers)
