"""Signing as providers do, written apart from the verification engine, so that each shows the other's mistakes.

One function per provider, from the vendor's documentation named in its catalogue entry. Each returns the headers that
the vendor sends beside the content type.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from gateway.errors import InvalidInput

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """An event about to be sent. `scheme` is the source's, None where there is no choice; `secret` may be empty."""

    type: str
    unique_id: str
    url: str
    body: bytes
    now_seconds: int
    scheme: str | None
    secret: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


def sign(provider_id: str, message: Message) -> Headers:
    """The provider's headers for `message`. Raises `InvalidInput` when this provider cannot be imitated."""
    if provider_id in UNSIGNABLE:
        raise InvalidInput(UNSIGNABLE[provider_id])
    signer = SIGNERS.get(provider_id)
    if signer is None:
        known = ", ".join(sorted(SIGNERS))
        raise InvalidInput(f"there is no signer for {provider_id} here; there is one for {known}")
    return signer(message)


def _github(message: Message) -> Headers:
    header, digest = (
        ("X-Hub-Signature", "sha1") if message.scheme == "sha1_legacy" else ("X-Hub-Signature-256", "sha256")
    )
    return [
        ("User-Agent", "GitHub-Hookshot/sample"),
        ("X-GitHub-Event", message.type),
        ("X-GitHub-Delivery", message.unique_id),
        (header, f"{digest}={_hmac(message.secret.encode(), message.body, digest).hex()}"),
    ]


def _stripe(message: Message) -> Headers:
    signature = _hmac(message.secret.encode(), b"%d.%s" % (message.now_seconds, message.body)).hex()
    return [("Stripe-Signature", f"t={message.now_seconds},v1={signature}")]


def _slack(message: Message) -> Headers:
    signature = _hmac(message.secret.encode(), b"v0:%d:%s" % (message.now_seconds, message.body)).hex()
    return [("X-Slack-Request-Timestamp", str(message.now_seconds)), ("X-Slack-Signature", f"v0={signature}")]


def _zoom(message: Message) -> Headers:
    signature = _hmac(message.secret.encode(), b"v0:%d:%s" % (message.now_seconds, message.body)).hex()
    return [("x-zm-request-timestamp", str(message.now_seconds)), ("x-zm-signature", f"v0={signature}")]


def _shopify(message: Message) -> Headers:
    return [
        ("X-Shopify-Topic", message.type),
        ("X-Shopify-Shop-Domain", "example.myshopify.com"),
        ("X-Shopify-API-Version", "2026-01"),
        ("X-Shopify-Webhook-Id", message.unique_id),
        ("X-Shopify-Event-Id", message.unique_id),
        ("X-Shopify-Hmac-Sha256", _base64(_hmac(message.secret.encode(), message.body))),
    ]


def _twilio(message: Message) -> Headers:
    # The URL, then every field's name and value in the order of the names, without separators.
    fields = "".join(name + value for name, value in sorted(parse_qsl(message.body.decode(), keep_blank_values=True)))
    signature = _hmac(message.secret.encode(), (message.url + fields).encode(), "sha1")
    return [("X-Twilio-Signature", _base64(signature)), ("I-Twilio-Idempotency-Token", message.unique_id)]


def _meta(message: Message) -> Headers:
    return [("X-Hub-Signature-256", f"sha256={_hmac(message.secret.encode(), message.body).hex()}")]


def _gitlab(message: Message) -> Headers:
    headers = [("X-Gitlab-Event", message.type), ("X-Gitlab-Event-UUID", message.unique_id)]
    if message.scheme == "signing_token":
        return [*headers, *_standard_webhooks(message)]
    return [*headers, ("Idempotency-Key", message.unique_id), ("X-Gitlab-Token", message.secret)]


def _standard_webhooks(message: Message) -> Headers:
    if message.scheme == "v1a":
        raise InvalidInput("v1a signs with a private key that only the sender has: a source holds the public key")
    # The specification leaves the padding open; Python insists on it.
    encoded = message.secret.removeprefix("whsec_").rstrip("=")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    message_id = f"msg_{message.unique_id}"
    signature = _hmac(key, b"%s.%d.%s" % (message_id.encode(), message.now_seconds, message.body))
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(message.now_seconds)),
        ("webhook-signature", f"v1,{_base64(signature)}"),
    ]


def _generic(message: Message) -> Headers:
    options = message.options
    headers = [
        (options.get("event_type_header", "X-Event-Type"), message.type),
        (options.get("event_id_header", "X-Event-Id"), message.unique_id),
    ]
    if message.scheme == "unsigned":
        return headers
    digest = _hmac(message.secret.encode(), message.body, options.get("hash", "sha256"))
    written = _base64(digest) if options.get("encoding") == "base64" else digest.hex()
    return [*headers, (options.get("header", "X-Signature"), options.get("prefix", "") + written)]


SIGNERS: Mapping[str, Callable[[Message], Headers]] = {
    "generic": _generic,
    "github": _github,
    "gitlab": _gitlab,
    "meta": _meta,
    "shopify": _shopify,
    "slack": _slack,
    "standard-webhooks": _standard_webhooks,
    "stripe": _stripe,
    "twilio": _twilio,
    "zoom": _zoom,
}

UNSIGNABLE: Mapping[str, str] = {
    "discord": "Discord signs with a private key that only Discord has: a source holds the public key, "
    "so a sample cannot be signed here",
    "aws-sns": "Amazon SNS signs with a private key that only Amazon has: its certificate is public, "
    "so a sample cannot be signed here",
}


def _hmac(key: bytes, text: bytes, digest: str = "sha256") -> bytes:
    return hmac.new(key, text, getattr(hashlib, digest)).digest()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
