"""What was expected and what came, line by line: names, lengths and forms, never a value that proves anything."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.providers import Scheme
from gateway.providers.prose.words import (
    condition_words,
    key_words,
    method_words,
    places_words,
    signature_words,
    template_code,
    timestamp_words,
)
from gateway.providers.webhook.places import Place, places_of
from gateway.providers.webhook.proof import proof_places
from gateway.security.redaction import is_secret_name, redact_url
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.clock import duration, signed_at
from gateway.webhooks.explain.finding import Line
from gateway.webhooks.explain.reads import proof_headers
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected
from gateway.webhooks.verification.signatures import candidates_of
from gateway.webhooks.verification.values import bytes_of

MAX_NAMES = 60

# Only words that vendors put before signatures: what else begins a value may be the beginning of a secret.
_PREFIX = re.compile(
    r"^(?:sha-?\d{1,3}|v\d{1,2}[a-z]?|ts?|s|sign?|signature|hmac(?:-?sha\d{1,3})?"
    r"|bearer|basic|jwt|token|service)[=,: ]",
    re.ASCII | re.IGNORECASE,
)


def expected_lines(case: Case) -> Iterator[Line]:
    """What the provider's entry wants, and what the source holds for it."""
    for scheme in case.schemes():
        yield Line("scheme", f"{case.provider.id} / {scheme.id}: {method_words(scheme)}")
        if scheme.when:
            yield Line("for requests where", condition_words(scheme.when))
        for label, text in (("proof in", signature_words(scheme)), ("key", key_words(scheme))):
            if text is not None:
                yield Line(label, text)
        if scheme.signs:
            yield Line("signed text", " or ".join(template_code(template) for template in scheme.signs))
        if scheme.message_id:
            yield Line("message id in", places_words(scheme.message_id))
        if scheme.timestamp is not None:
            yield Line("time in", timestamp_words(scheme.timestamp))
    yield Line("source holds", ", ".join(_held(case)) or "nothing")


def received_lines(case: Case) -> Iterator[Line]:
    """What came, described."""
    yield Line("request", f"{case.request.method} {_shown_url(case)}")
    yield Line("received", f"{datetime.fromtimestamp(case.now, UTC).isoformat(timespec='seconds')}")
    yield Line("headers", ", ".join(name for name, _value in case.request.headers[:MAX_NAMES]) or "none")
    for name in dict.fromkeys(name for scheme in case.schemes() for name in proof_headers(scheme)):
        values = [value for key, value in case.request.headers if key.lower() == name.lower()]
        yield from (Line(name, value_words(value)) for value in values)
    yield Line("body", _body_words(case))
    for scheme in case.schemes():
        found = signed_at(case, scheme)
        if found is not None:
            age = case.now - found[1]
            yield Line("signed at", f"{duration(abs(age))} {'before' if age >= 0 else 'after'} it came")
            break
    for scheme in case.schemes():
        yield from _signed_parts(case, scheme)


def value_words(value: str) -> str:
    """A signature or token by its form: `sha256= and 64 characters of hex (32 bytes)`."""
    if not value:
        return "empty"
    prefix = match[0] if (match := _PREFIX.match(value)) else ""
    rest = value[len(prefix) :]
    shown = f"{prefix!r} and " if prefix and len(prefix) < len(value) else ""
    if not value.isascii():
        return f"{_characters(value)}, not all of them ASCII"
    if rest.count(".") == 2 and rest.startswith("eyJ"):
        return f"{shown}a JSON Web Token of {_characters(rest)}"
    if "," in rest or " " in rest.strip():
        return f"{shown}{_characters(rest)} in {len(re.split('[, ]+', rest.strip()))} parts"
    return f"{shown}{_characters(rest)}{_form(rest)}"


def _characters(text: str | bytes) -> str:
    return "1 character" if len(text) == 1 else f"{len(text)} characters"


def _form(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) % 2 == 0:
        return f" of hex ({len(text) // 2} bytes)"
    try:
        return f" of base64 ({len(binascii.a2b_base64(text.encode(), strict_mode=True))} bytes)"
    except ValueError:
        return ""


def _held(case: Case) -> Iterator[str]:
    held = case.credentials
    for secret in held.secrets:
        yield f"a secret of {_characters(secret)}"
    for key in held.public_keys:
        yield f"a public key of {_characters(key)}"
    if held.username is not None or held.password is not None:
        yield "a user name and a password" if held.username and held.password else "a user name or password only"
    if held.root_certs:
        yield f"{len(held.root_certs)} root certificates"
    if held.certs or held.jwks:
        yield "certificates or keys fetched from the vendor"
    for old in case.ended:
        yield f"a {old.kind.replace('_', ' ')} that ended {old.ended}"
    for name in sorted(held.options):
        yield f"the option {name}"


def _shown_url(case: Case) -> str:
    """The URL without what may be secret in it."""
    in_path = any(place.kind == "segment" for scheme in case.schemes() for place in proof_places(scheme))
    return redact_url(case.request.url, hide_last_segment=in_path)


def _body_words(case: Case) -> str:
    body = case.request.body
    kind = "empty" if not body else "JSON" if _is_json(body) else "text" if _is_text(body) else "not text"
    if body.startswith(b"\x1f\x8b"):
        kind = "gzip"
    content_type = (case.header("content-type") or "no content type").partition(";")[0]
    kept = f", of which {len(body)} were kept" if case.is_truncated else ""
    ending = ", ends with a newline" if body.endswith(b"\n") else ""
    return f"{case.total_bytes or len(body)} bytes{kept}, {kind}, sent as {content_type}{ending}"


def _signed_parts(case: Case, scheme: Scheme) -> Iterator[Line]:
    """The parts of the signed text as the gateway has them, by their lengths."""
    reading = Reading(case.request, case.credentials, case.now)
    reading.strict = False
    try:
        if scheme.signature is not None and scheme.signs:
            candidates_of(scheme.signature)(reading)
    except Rejected:
        pass
    for template in scheme.signs[:1]:
        parts = [text for place in places_of(template) if (text := _part_words(reading, scheme, place)) is not None]
        if parts:
            yield Line("signed text", f"{template_code(template)}, where {'; '.join(parts)}")


def _part_words(reading: Reading, scheme: Scheme, place: Place) -> str | None:
    if place.kind == "secret":
        return None
    if place.kind in ("timestamp", "id"):
        source = scheme.timestamp.places if place.kind == "timestamp" and scheme.timestamp else scheme.message_id
        return f"{place.kind} is {places_words(source)}"
    try:
        value = bytes_of(place)(reading)
    except Rejected:
        return f"{place.text} cannot be read"
    if value is None:
        return f"{place.text} is absent"
    if place.kind == "method" and not is_secret_name(place.text):
        return f"method is {reading.request.method.upper()[:16]}"
    return f"{place.text} has {len(value)} bytes"


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
