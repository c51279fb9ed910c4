"""TrueLayer: a detached JWS (ES512) in the header Tl-Signature over method, path, chosen headers and body.

Source: truelayer-signing, "Request signing, version 2". The keys are the operator's public keys; only where there are
none, TrueLayer's own key set counts, whose URL is pinned. Everybody can have an account in TrueLayer's sandbox, so its
key set counts only for a source that is meant for the sandbox.
"""

from __future__ import annotations

import base64

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.jose import TokenKey, protected_header, verified_payload
from gateway.webhooks.verification.keys import load_public_key
from gateway.webhooks.verification.pinning import is_pinned
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.tokenkeys import select_jwks, token_key
from gateway.webhooks.verification.values import header_bytes, to_bytes
from gateway.webhooks.verification.verify import Verify

ALGORITHMS = ("ES512",)
KEY_SET_HOST = r"webhooks\.truelayer\.com"
SANDBOX_KEY_SET_HOST = r"webhooks\.truelayer-sandbox\.com"
KEY_SET_PATH = r"/\.well-known/jwks"
MAX_SIGNED_HEADERS = 32


def truelayer_jws(scheme: Scheme) -> Verify:
    """Rebuild what was signed and check it with ES512; a trailing slash of the path may differ."""

    def verify(reading: Reading) -> None:
        token = _token(reading)
        header = _header(token)
        keys = _keys(reading, header)
        protected, _empty, signature = token.split(".")
        for path in _paths(reading.split().path):
            text = _signed(reading, header, path)
            payload = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
            compact = f"{protected}.{payload}.{signature}"
            if any(verified_payload(compact, key, ALGORITHMS) is not None for key in keys):
                reading.signed = (text,)
                return
        raise mismatch("no current public key of the source fits this signature and these bytes")

    return verify


def key_set_of(reading: Reading) -> tuple[str, str | None] | None:
    """The pinned URL of the key set and the key id that the request names; None when it names none of TrueLayer's, or
    when the source has keys of its own.
    """
    if reading.credentials.public_keys:
        return None
    is_sandbox = reading.credentials.options.get("environment") == "sandbox"
    host = SANDBOX_KEY_SET_HOST if is_sandbox else KEY_SET_HOST
    header = _header(_token(reading))
    url, key_id = header.get("jku"), header.get("kid")
    if not isinstance(url, str) or not is_pinned(url, host, KEY_SET_PATH):
        return None
    return url, key_id if isinstance(key_id, str) else None


def _token(reading: Reading) -> str:
    token = reading.header("tl-signature")
    if not token:
        raise missing("header:Tl-Signature is absent or empty")
    if token.count(".") != 2 or token.split(".")[1]:
        raise malformed("header:Tl-Signature is not a detached JWS")
    return token


def _header(token: str) -> dict[str, object]:
    header = protected_header(token)
    if header is None:
        raise malformed("header:Tl-Signature is not a detached JWS")
    if header.get("alg") not in ALGORITHMS or header.get("tl_version") != "2":
        raise malformed("the signature's algorithm is not ES512, or its version not 2")
    return header


def _keys(reading: Reading, header: dict[str, object]) -> list[TokenKey]:
    keys = [token_key(load_public_key("pem", text)) for text in reading.credentials.public_keys]
    found = [key for key in keys if key is not None]
    if not reading.credentials.public_keys and reading.credentials.jwks is not None:
        found += select_jwks(reading.credentials.jwks.get("keys"), header)
    if not found:
        raise mismatch("the source has no public key for this signature")
    return found


def _signed(reading: Reading, header: dict[str, object], path: str) -> bytes:
    listed = header.get("tl_headers", "")
    names = [name.strip() for name in str(listed).split(",") if name.strip()]
    if len(names) > MAX_SIGNED_HEADERS:
        raise malformed("the signature covers too many headers")
    lines = [to_bytes(f"{reading.request.method.upper()} {path}\n")]
    for name in names:
        value = reading.header(name.lower())
        if value is None:
            raise missing("a header is absent that the signature covers")
        lines.append(to_bytes(name) + b": " + header_bytes(value) + b"\n")
    return b"".join(lines) + reading.body


def _paths(path: str) -> tuple[str, str]:
    return path, path[:-1] if path.endswith("/") else path + "/"
