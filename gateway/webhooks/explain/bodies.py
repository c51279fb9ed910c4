"""Mistakes with bodies: written anew by a proxy or framework, other line endings or charset, packed or unpacked."""

from __future__ import annotations

import gzip
import unicodedata
import zlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

from gateway.content.compression import MAX_INFLATED_BYTES, inflated
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause
from gateway.webhooks.explain.json_spellings import json_spellings
from gateway.webhooks.explain.trial import Trial

UNTOUCHED = (
    "Let whatever stands before the gateway pass the raw bytes: no JSON middleware, no body rewriting, no transcoding. "
    "A test script must sign the very bytes that it sends."
)
BOM = b"\xef\xbb\xbf"

Spelling = tuple[bytes, str]


def body_trials(case: Case) -> Iterator[Trial]:
    """The request with every body that the sender may have signed instead."""
    body = case.request.body
    seen = {body}
    for other, how in _spellings(case, body):
        if other in seen:
            continue
        seen.add(other)
        yield Trial(
            case.with_request(body=other),
            Cause.BODY_CHANGED,
            f"The body was changed on the way: {how}.",
            UNTOUCHED,
            (_difference(other, body),),
        )


def _spellings(case: Case, body: bytes) -> Iterator[Spelling]:
    yield from _endings(body)
    yield from _packed(case, body)
    yield from _charsets(body)
    yield from _json(body)
    yield from _form(case, body)
    if body:
        yield b"", "the sender signed an empty body"


def _endings(body: bytes) -> Iterator[Spelling]:
    for tail, name in ((b"\n", "a newline"), (b"\r\n", "a carriage return and newline")):
        if body.endswith(tail):
            yield body[: -len(tail)], f"{name} was added at its end"
        yield body + tail, f"{name} was lost at its end"
    yield body.strip(), "blanks or newlines were added around it"
    yield body.replace(b"\r\n", b"\n"), "its line endings were changed from LF to CRLF"
    yield body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "its line endings were changed from CRLF to LF"
    yield body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n", "CRLF became LF and the last one was lost"
    yield body.replace(b"\r\n", b"\n") + b"\n", "LF became CRLF and the last one was lost"
    yield body.replace(b"\n", b"\r"), "its line endings were changed from CR to LF"
    if body.startswith(BOM):
        yield body[len(BOM) :], "a byte order mark was added before it"
    yield BOM + body, "the byte order mark before it was removed"


def _packed(case: Case, body: bytes) -> Iterator[Spelling]:
    plain = inflated(body)
    if plain is not None and plain != body:
        yield plain, "it was compressed with gzip; what was signed is the plain body"
    if case.header("content-encoding") == "deflate":
        try:
            yield zlib.decompressobj().decompress(body, MAX_INFLATED_BYTES), "it was compressed (deflate)"
        except zlib.error:
            pass
    if case.header("content-encoding") == "gzip" and plain == body:
        # Unpacked on the way: what was signed may have been the packed bytes, which a common packer may make again.
        for level in (9, 6, 1):
            yield gzip.compress(body, level, mtime=0), "it was signed compressed, and a proxy unpacked it"


def _charsets(body: bytes) -> Iterator[Spelling]:
    for charset in ("latin-1", "cp1252", "utf-16"):
        for source, target, how in (
            ("utf-8", charset, f"it was turned from {charset.upper()} into UTF-8"),
            (charset, "utf-8", f"it was turned from UTF-8 into {charset.upper()}"),
        ):
            try:
                yield body.decode(source).encode(target), how
            except (UnicodeDecodeError, UnicodeEncodeError):
                continue
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return
    for form in ("NFC", "NFD"):
        yield unicodedata.normalize(form, text).encode(), f"its accents were composed otherwise than in {form}"
    lost = text.encode("ascii", "replace")
    yield lost, "the sender signed it with question marks for what is not ASCII"


def _json(body: bytes) -> Iterator[Spelling]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    for spelling, how in json_spellings(text):
        for tail, ending in (("", ""), ("\n", " and a newline at the end")):
            written = spelling + tail
            yield written.encode("utf-8", "surrogatepass"), f"its JSON was written anew (signed was: {how}{ending})"


def _form(case: Case, body: bytes) -> Iterator[Spelling]:
    if not (case.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        return
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000)
    except (UnicodeDecodeError, ValueError):
        return
    for way, how in ((quote_plus, "blanks as +"), (quote, "blanks as %20")):
        for written, order in ((pairs, ""), (sorted(pairs), ", fields sorted")):
            yield urlencode(written, quote_via=way).encode(), f"its form was written anew (signed was: {how}{order})"
    for name, value in pairs:
        if value.startswith("{"):
            yield value.encode(), f"it was wrapped into the form field {name}"


def _difference(signed: bytes, came: bytes) -> str:
    """Where the two bodies part, without showing either."""
    shorter = min(len(signed), len(came))
    at = next((index for index in range(shorter) if signed[index] != came[index]), shorter)
    return f"signed: {len(signed)} bytes; came: {len(came)} bytes; they part at byte {at}"
