"""Signers for what the notation cannot express, each from the vendor's documentation or SDK named in its entry."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from gateway.webhooks.samples.request_draft import FORM, Draft

Signer = Callable[[Draft, bytes, str, int], None]
"""Writes its proof into the draft; takes the key, a new id and the time in seconds since the epoch."""


def _contentful(draft: Draft, key: bytes, unique_id: str, now_seconds: int) -> None:
    """@contentful/node-apps-toolkit: method, path, `name:value` of the listed headers joined with `;`, body."""
    listed = ("x-contentful-signed-headers", "x-contentful-timestamp")
    draft.set_header("x-contentful-signed-headers", ",".join(listed))
    draft.set_header("x-contentful-timestamp", str(now_seconds * 1000))
    headers = ";".join(f"{name}:{draft.header(name)}" for name in listed)
    parts = urlsplit(draft.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    text = "\n".join((draft.method, path, headers)).encode() + b"\n" + draft.body()
    draft.set_header("x-contentful-signature", hmac.new(key, text, hashlib.sha256).hexdigest())


def _plivo_v3(draft: Draft, key: bytes, unique_id: str, now_seconds: int) -> None:
    """plivo-python, `validate_v3_signature`: URL with sorted query, sorted form, nonce."""
    bare, _mark, query = draft.url.partition("?")
    form = draft.form if draft.content_type == FORM else {}
    text = bare
    if query or form:
        text += "?" + "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(query, keep_blank_values=True)))
    if query and form:
        text += "."
    text += "".join(name + form[name] for name in sorted(form)) + "." + unique_id
    draft.set_header("X-Plivo-Signature-V3-Nonce", unique_id)
    signature = hmac.new(key, text.encode(), hashlib.sha256).digest()
    draft.set_header("X-Plivo-Signature-V3", base64.b64encode(signature).decode())


def _segment_batch(draft: Draft, key: bytes, unique_id: str, now_seconds: int) -> None:
    """Segment, batched: the first element of the array, as it is written in the body."""
    if not isinstance(draft.document, list):
        draft.document = [draft.document]
    draft.raw = None
    first = json.dumps(draft.document[0], separators=(",", ":"), ensure_ascii=False).encode()
    draft.set_header("X-Signature", hmac.new(key, first, hashlib.sha1).hexdigest())


def _generic_hmac(draft: Draft, key: bytes, unique_id: str, now_seconds: int) -> None:
    """The operator's own sender, as the options of the source have it."""
    options = draft.options
    digest = hmac.new(key, draft.body(), options.get("hash", "sha256")).digest()
    text = base64.b64encode(digest).decode() if options.get("encoding") == "base64" else digest.hex()
    draft.set_header(options.get("header", "X-Signature"), options.get("prefix", "") + text)


FUNCTIONS: Mapping[str, Signer] = {
    "contentful": _contentful,
    "generic_hmac": _generic_hmac,
    "plivo_v3": _plivo_v3,
    "segment_batch": _segment_batch,
}
