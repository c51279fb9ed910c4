"""Judging: no bytes of a stranger are accepted, none raise, and none cost more than their size allows.

The seeds are the signed requests of tests/fixtures/vectors.jsonl, whose signers know nothing of the engine. What their
signatures cover is changed, with the right credentials; everything is, with credentials that nobody signed with.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.webhook.coverage import Coverage, coverage_of
from gateway.providers.webhook.covered import Extent
from gateway.providers.webhook.parsed import parses_body
from gateway.providers.webhook.places import places_of
from gateway.webhooks.verification import InboundRequest, Verdict, judge, material_needed, reading_of
from tests.fuzz.conftest import bounded
from tests.unit.verification.conftest import VALID, VECTORS, Vector
from tests.unit.verification.test_never_raises import CREDENTIALS, PROVIDERS

SIGNED = {vector.id: coverage_of(vector.provider.webhook, vector.scheme) for vector in VALID}
# Texts that parsers disagree about, put where something else was.
# fmt: off
ODD_TEXTS = [
    "", "\x00", " ", "\r\n", '"', "\\u0000", "%00", "%", "&", "=", "null", "NaN", "1e400", "-0", "[", "{}", "é",
    "\ufeff", "/*", ",", ":", "0", "00", "'", "--", ";", "sha256=", "t=0,", "v1,", "Bearer ", "e30.e30.",
]
# What is repeated until it is large.
FRAGMENTS = [
    b"[", b"{", b"[],", b"{},", b'{"a":', b'"a":1,', b'"a":1,"a":2,', b"1,", b'"",', b'"\\u0041",', b"9", b"\\n",
    b"a=b&", b"&", b"%41", b"=", b"+", b"--X\r\n", b"--X", b"\r\n\r\n", b"\r\n-", b"a=b;", b"\x1f\x8b", b"\x00",
    b"\xff", b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n', b"bt_signature=a|b&", b"a", b" ",
]
STARTS = [
    b"", b"[", b'{"value":[', b'{"x":"', b'{"x":[', b"bt_payload=", b"json=[", b"--X\r\nContent-Disposition: ",
    b"[1,", b'{"Type":"Notification","SignatureVersion":"1","x":[', b'{"notificationItems":[', b"mandrill_events=[",
    b"signature=",
]
# fmt: on
TYPES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=X", "text/plain", ""]


def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with a few bytes put in, taken out or exchanged; now and then with another's beginning."""
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(data))), draw(st.sampled_from([0, 0, 1, 1, 2, 8]))
        odd = draw(st.one_of(st.sampled_from(ODD_TEXTS).map(str.encode), st.binary(max_size=3)))
        data = data[:at] + odd + data[at + length :]
    return data


def changed_text(draw: st.DrawFn, text: str) -> str:
    return changed(draw, text.encode("latin-1", "replace")).decode("latin-1")


def is_raw(vector: Vector, coverage: Coverage) -> bool:
    """Whether each byte of the body counts. Of sorted forms and inflated bodies other bytes can mean the same."""
    places = [place for template in vector.scheme.signs for place in places_of(template)]
    means_it = any(place.kind == "body" and "gunzip" not in place.filters for place in places)
    return coverage.body is Extent.WHOLE and (means_it or vector.scheme.function in {"contentful", "truelayer_jws"})


@st.composite
def tampered(draw: st.DrawFn) -> tuple[Vector, InboundRequest]:
    """A signed request, with something changed that its signature covers."""
    vector = draw(st.sampled_from(VALID))
    coverage, request = SIGNED[vector.id], vector.request
    headers = {place.name for place in coverage.places if place.kind == "header"}
    ways = ["body"] * is_raw(vector, coverage) + ["headers"] * bool(headers)
    ways += ["url"] * (coverage.url is Extent.WHOLE and not vector.scheme.any_port)
    match draw(st.sampled_from(ways or ["nothing"])):
        case "body":
            request = request._replace(body=changed(draw, request.body))
        case "url":
            request = request._replace(url=changed_text(draw, request.url))
        case "headers":
            pairs = [
                (name, changed_text(draw, value) if name.lower() in headers else value)
                for name, value in request.headers
            ]
            request = request._replace(headers=pairs)
    return vector, request


@bounded(3000)
@given(tampered())
def test_what_a_signature_covers_cannot_be_changed(case: tuple[Vector, InboundRequest]) -> None:
    vector, request = case
    verdict = vector.judge(request=request)
    assert "could not be judged" not in verdict.detail
    if verdict.accepted and verdict.has_body:
        assert request == vector.request


@st.composite
def strange(draw: st.DrawFn) -> InboundRequest:
    """A signed request of anybody, with anything changed, and parts of another one."""
    request, other = draw(st.sampled_from(VECTORS)).request, draw(st.sampled_from(VECTORS)).request
    body = draw(st.sampled_from([request.body, request.body, other.body, b""]))
    headers = [*request.headers, *(other.headers if draw(st.booleans()) else ())]
    if draw(st.booleans()):
        body = changed(draw, body)
    if headers and draw(st.booleans()):
        at = draw(st.integers(0, len(headers) - 1))
        headers[at] = (headers[at][0], changed_text(draw, headers[at][1]))
    url = changed_text(draw, request.url) if draw(st.booleans()) else request.url
    return InboundRequest(draw(st.sampled_from([request.method, "GET", "POST", "HEAD"])), url, headers, body)


@bounded(1500)
@given(strange(), st.integers(0, len(PROVIDERS) - 1))
def test_no_stranger_is_accepted_and_nothing_raises(request: InboundRequest, first: int) -> None:
    for provider in (PROVIDERS[first], PROVIDERS[first * 7 % len(PROVIDERS)]):
        for scheme in provider.webhook.schemes:
            if not scheme.unsigned:
                verdict = judge(provider, request, CREDENTIALS, now=1795171821.0, scheme=scheme.id)
                assert not verdict.accepted
                assert "could not be judged" not in verdict.detail


LARGE = st.tuples(
    st.sampled_from(TYPES),
    st.sampled_from(STARTS),
    st.sampled_from(FRAGMENTS),
    st.sampled_from([60_000, 400_000, 1_000_000, 3_000_000]),
)
PROOFS = [
    ("X-Signature", "00" * 20),
    ("X-Twilio-Signature", "A" * 27 + "="),
    ("X-Mandrill-Signature", "A" * 27 + "="),
    ("X-Plivo-Signature-V3", "AA=="),
    ("X-Plivo-Signature-V3-Nonce", "1"),
]
# Those that parse a body before they know whose it is.
PARSING = {
    provider.id: provider
    for provider in PROVIDERS
    if any(parses_body(scheme) for scheme in provider.webhook.schemes) or provider.webhook.handshakes
}


@bounded(150)
@given(LARGE, st.sampled_from(sorted(PARSING)))
def test_work_and_memory_grow_no_faster_than_a_body(case: tuple[str, bytes, bytes, int], name: str) -> None:
    content_type, start, fragment, size = case
    provider, body = PARSING[name], start + fragment * (size // len(fragment))
    request = InboundRequest("POST", "https://gw.example.com/x", [("Content-Type", content_type), *PROOFS], body)
    for scheme in provider.webhook.schemes:

        def examine(scheme_id: str = scheme.id) -> Verdict:
            reading = reading_of(provider, request, CREDENTIALS, now=0.0)
            material_needed(provider, request, credentials=CREDENTIALS, scheme=scheme_id, reading=reading)
            return judge(provider, request, CREDENTIALS, now=0.0, scheme=scheme_id, reading=reading)

        verdict, calls = counted(examine)
        assert not verdict.accepted
        assert "could not be judged" not in verdict.detail
        # A form of escapes takes two calls for three bytes; parsing JSON one for each object.
        assert calls <= 50_000 + 2 * len(body)
        tracemalloc.start()
        try:
            examine()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # 50 000 values of 500 bytes, and a form in its stages.
        assert peak <= 32 * 1024 * 1024 + 10 * len(body)


def counted(function: Callable[[], Verdict]) -> tuple[Verdict, int]:
    """What `function` returns, and how many calls it made, Python's own included."""
    calls = 0

    def watch(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        verdict = function()
    finally:
        sys.setprofile(before)
    return verdict, calls
