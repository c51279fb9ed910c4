"""Requests that are signed by hand (hashlib and hmac alone), and the diagnosis of what went wrong with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from gateway.providers import catalogue
from gateway.webhooks.explain import Case, Diagnosis, explain
from gateway.webhooks.verification import Credentials, InboundRequest

NOW = 1_795_171_821.0
SECRET = "It's a Secret to Everybody"
URL = "https://gw.example.com/webhooks/acme"
BODY = b'{"action":"opened","number":17,"title":"Gr\xc3\xbc\xc3\x9fe","url":"https://x.y/z","ratio":1.10}'


def hex_hmac(secret: str | bytes, text: bytes, digest: str = "sha256") -> str:
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, text, getattr(hashlib, digest)).hexdigest()


def base64_hmac(secret: str | bytes, text: bytes, digest: str = "sha256") -> str:
    return base64.b64encode(bytes.fromhex(hex_hmac(secret, text, digest))).decode()


def github_headers(secret: str | bytes = SECRET, body: bytes = BODY) -> list[tuple[str, str]]:
    return [
        ("Host", "gw.example.com"),
        ("User-Agent", "GitHub-Hookshot/abc"),
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", "issues"),
        ("X-GitHub-Delivery", "d-1"),
        ("X-Hub-Signature-256", f"sha256={hex_hmac(secret, body)}"),
    ]


def case(provider: str, headers: list[tuple[str, str]], body: bytes = BODY, **values: Any) -> Case:
    """A case; `secrets`, `url` and the like are taken out of `values`, the rest are fields of the case."""
    credentials = values.pop("credentials", None) or Credentials(secrets=values.pop("secrets", [SECRET]))
    request = InboundRequest(values.pop("method", "POST"), values.pop("url", URL), headers, body)
    fields = {"now": NOW, "catalogue": catalogue(), "source": "acme"} | values
    return Case(provider=catalogue()[provider], request=request, credentials=credentials, **fields)


def cause_of(found: Diagnosis) -> tuple[str, str]:
    """The first finding's cause and certainty."""
    return found.findings[0].cause.value, found.findings[0].certainty.value


def explained(provider: str, headers: list[tuple[str, str]], body: bytes = BODY, **values: Any) -> tuple[str, str]:
    """Cause and certainty at once."""
    return cause_of(explain(case(provider, headers, body, **values)))
