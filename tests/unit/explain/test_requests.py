"""Mistakes with bodies, URLs, headers, clocks and identities are named; each request is signed by hand."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace

import pytest

from gateway.cli.terminal.hints import words
from gateway.errors import Hint
from gateway.webhooks.explain import explain
from gateway.webhooks.verification import Credentials
from tests.services.for_each import for_each_row
from tests.unit.explain.conftest import (
    BODY,
    NOW,
    SECRET,
    URL,
    base64_hmac,
    case,
    explained,
    github_headers,
    hex_hmac,
)

DOCUMENT = json.loads(BODY)
LINES = b'{\n  "a": 1,\n  "b": 2\n}\n'
FORM = b"From=%2B15550100&To=%2B15550111&Body=Hi+there"


@pytest.mark.parametrize(
    "came",
    [
        json.dumps(DOCUMENT, ensure_ascii=False).replace("1.1}", "1.10}").encode(),
        json.dumps(DOCUMENT, indent=2).replace("1.1\n", "1.10\n").encode(),
        json.dumps(DOCUMENT, indent=4, ensure_ascii=False).replace("1.1\n", "1.10\n").encode(),
        json.dumps(DOCUMENT, separators=(",", ":")).replace("1.1}", "1.10}").encode(),
        BODY.replace(b"/", b"\\/"),
        BODY + b"\n",
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("latin-1"),
        BODY.decode("latin-1").encode("utf-8"),
        gzip.compress(BODY),
        b"",
    ],
    ids=["spaced", "indented", "wide", "ascii", "slashes", "newline", "bom", "latin-1", "twice utf-8", "gzip", "lost"],
)
def test_a_body_that_was_changed(came: bytes) -> None:
    cause, certainty = explained("github", github_headers(), came)
    assert (cause, certainty) == (("body_changed", "proven") if came else ("wrong_credential", "likely"))


@pytest.mark.parametrize(
    ("signed", "came"),
    [
        (LINES, LINES.replace(b"\n", b"\r\n")),
        (LINES.replace(b"\n", b"\r\n"), LINES),
        (LINES, LINES.rstrip()),
        (LINES, b'{"a":1,"b":2}'),
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
        (b'[{"event":"open"}]\r\n', b'[{"event":"open"}]'),
        (BODY.decode().replace("/", "\\/").replace("ü", "\\u00fc").replace("ß", "\\u00df").encode(), BODY),
        (b'{"a":"x \\u0026 y"}', b'{"a": "x & y"}'),
    ],
    ids=["crlf", "lf", "stripped", "compacted", "reordered", "lost crlf", "php", "go"],
)
def test_lines_and_order(signed: bytes, came: bytes) -> None:
    assert explained("github", github_headers(body=signed), came) == ("body_changed", "proven")


def test_unpacked_by_a_proxy() -> None:
    packed = gzip.compress(BODY, 9, mtime=0)
    headers = [*github_headers(body=packed), ("Content-Encoding", "gzip")]
    assert explained("github", headers, BODY) == ("body_changed", "proven")
    other = [*github_headers(body=b"packed otherwise"), ("Content-Encoding", "gzip")]
    found = explain(case("github", other, BODY))
    assert "something on the way unpacked it" in str([finding.sentence for finding in found.findings])


def test_a_length_that_does_not_fit() -> None:
    headers = [*github_headers(body=b"what only the sender knows"), ("Content-Length", "26")]
    sentences = [finding.sentence for finding in explain(case("github", headers)).findings]
    assert any("announced a body of 26 bytes" in sentence for sentence in sentences)


def twilio(signed: str, **values: object) -> tuple[str, str]:
    text = signed.encode() + b"BodyHi thereFrom+15550100To+15550111"
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Twilio-Signature", base64_hmac(SECRET, text, "sha1")),
        *values.pop("more", []),
    ]
    return explained("twilio", headers, FORM, **values)


def test_the_url_as_it_should_be() -> None:
    assert twilio(URL) == ("accepted_now", "proven")


@for_each_row(
    ("signed", "known", "more"),
    [
        (URL, URL.replace("https", "http"), []),
        (URL, "http://127.0.0.1:8000/webhooks/acme", [("Host", "gw.example.com")]),
        (URL, "https://internal/webhooks/acme", [("X-Forwarded-Host", "gw.example.com")]),
        (URL, "https://internal/webhooks/acme", [("Forwarded", 'for=1.2.3.4;host="gw.example.com";proto=https')]),
        ("https://gw.example.com:8443/webhooks/acme", "https://gw.example.com:9/webhooks/acme", []),
        (URL + "/", URL, []),
        (URL, URL + "/", []),
        ("https://gw.example.com/hooks/webhooks/acme", URL, [("X-Forwarded-Prefix", "/hooks")]),
        (URL + "?a=1&b=2", URL, [("X-Original-URI", "/webhooks/acme?a=1&b=2")]),
        (URL, URL + "?added=1", []),
    ],
)
def test_another_url(signed: str, known: str, more: list[tuple[str, str]]) -> None:
    assert twilio(signed, url=known, more=more) == ("url", "proven")


def test_a_loopback_address_is_suspected() -> None:
    headers = [("x-square-hmacsha256-signature", base64_hmac(SECRET, b"https://no.body/knows" + BODY))]
    found = explain(case("square", headers, url="http://127.0.0.1:8000/webhooks/acme"))
    assert ("url", "likely") in [(finding.cause.value, finding.certainty.value) for finding in found.findings]


def stripe(at: float, stamp: str | None = None) -> list[tuple[str, str]]:
    text = stamp or str(int(at))
    return [("Stripe-Signature", f"t={text},v1={hex_hmac(SECRET, f'{text}.'.encode() + BODY)}")]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (stripe(NOW - 420), "7 min before the request came; 300 s are allowed"),
        (stripe(NOW + 3600), "60 min after the request came"),
        (stripe(NOW - 7200), "2 h before"),
        (stripe(NOW - 5 * 86_400), "5 d before"),
        (stripe(NOW, str(int(NOW * 1000))), "in milliseconds; Stripe writes seconds"),
    ],
)
def test_a_clock_that_differs(headers: list[tuple[str, str]], words: str) -> None:
    found = explain(case("stripe", headers))
    assert (found.findings[0].cause, found.findings[0].certainty) == ("clock", "proven")
    assert words.replace("300 s", "5 min") in found.findings[0].sentence


def test_seconds_where_milliseconds_belong() -> None:
    text = str(int(NOW))
    headers = [
        ("X-HubSpot-Request-Timestamp", text),
        ("X-HubSpot-Signature-v3", base64_hmac(SECRET, b"POST" + URL.encode() + BODY + text.encode())),
    ]
    found = explain(case("hubspot", headers, scheme="v3"))
    assert "is in seconds" in found.findings[0].sentence


def test_a_time_zone_and_a_date_header() -> None:
    found = explain(case("stripe", [*stripe(NOW - 7200), ("Date", "Fri, 20 Nov 2026 10:50:21 GMT")]))
    assert "time zone" in found.findings[0].remedy
    assert "Date header" in found.findings[0].details[0]


def test_a_request_without_a_date_is_judged_as_of_now() -> None:
    found = explain(replace(case("stripe", stripe(NOW - 86_400)), is_dated=False))
    assert "as if it came now" in found.findings[0].remedy
    assert found.findings[0].hints == (Hint("give_time"),)


def test_an_old_request_with_another_mistake_is_told_both() -> None:
    found = explain(case("stripe", stripe(NOW - 9_000), BODY + b"\n"))
    assert [finding.cause for finding in found.findings[:2]] == ["body_changed", "clock"]


def test_another_scheme() -> None:
    headers = [("X-GitHub-Event", "push"), ("X-Hub-Signature", f"sha1={hex_hmac(SECRET, BODY, 'sha1')}")]
    assert explained("github", headers, scheme="sha256") == ("other_scheme", "proven")


def test_another_version_with_another_url() -> None:
    signed = f"{SECRET}POST{URL}".encode() + BODY
    headers = [
        ("X-HubSpot-Signature-Version", "v2"),
        ("X-HubSpot-Signature", hashlib.sha256(signed).hexdigest()),
    ]
    found = explain(case("hubspot", headers, scheme="v3", url=URL.replace("https", "http")))
    assert {finding.cause for finding in found.findings[:2]} == {"other_scheme", "url"}


def test_another_provider() -> None:
    headers = [("Linear-Signature", hex_hmac(SECRET, BODY)), ("Linear-Event", "Issue")]
    body_less_time = explain(case("github", headers))
    assert body_less_time.findings[0].cause == "other_provider"
    gitea = [("X-Gitea-Signature", hex_hmac(SECRET, BODY))]
    assert explained("github", gitea) == ("other_provider", "proven")


def test_another_product_of_the_vendor_is_recognised_by_its_headers() -> None:
    headers = [("X-Twilio-Email-Event-Webhook-Signature", "MEUCIQ=="), ("X-Twilio-Email-Event-Webhook-Timestamp", "1")]
    found = explain(case("twilio", headers, b"[]"))
    assert found.findings[0].cause == "other_provider"
    assert "sendgrid" in found.findings[0].sentence


def test_a_stripped_header() -> None:
    headers = [pair for pair in github_headers() if pair[0] != "X-Hub-Signature-256"]
    found = explain(case("github", headers))
    assert (found.findings[0].cause, found.findings[0].certainty) == ("header_missing", "likely")
    assert "x-github-event" in found.findings[0].sentence.lower()


def test_a_caller_that_is_nobody() -> None:
    found = explain(case("github", [("User-Agent", "curl/8.0")], b""))
    assert "curl/8.0" in found.findings[0].sentence


@pytest.mark.parametrize("name", ["X_Hub_Signature_256", "X-Original-X-Hub-Signature-256", "HTTP-X-HUB-SIGNATURE-256"])
def test_a_renamed_header(name: str) -> None:
    headers = [(name if pair[0] == "X-Hub-Signature-256" else pair[0], pair[1]) for pair in github_headers()]
    found = explain(case("github", headers))
    assert found.findings[0].cause == "header_changed"
    assert name in found.findings[0].sentence


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.removeprefix("sha256="),
        lambda value: f'"{value}"',
        lambda value: value.replace("sha256=", "v1="),
        lambda value: value.replace("=", "%3D"),
        lambda value: f"{value}, {value}",
        lambda value: f"sha256={'ab' * 32}, {value}",
        lambda value: "sha256=" + base64_hmac(SECRET, BODY),
    ],
    ids=["prefix", "quotes", "version", "percent", "joined", "two", "base64"],
)
def test_a_rewritten_header(change: object) -> None:
    headers = [
        (name, change(value) if name == "X-Hub-Signature-256" else value)  # type: ignore[operator]
        for name, value in github_headers()
    ]
    assert explained("github", headers) == ("header_changed", "proven")


def test_a_repeated_header() -> None:
    headers = [*github_headers(), github_headers()[-1]]
    assert explained("github", headers) == ("header_changed", "proven")


@pytest.mark.parametrize(("digest", "prefix"), [("sha1", ""), ("sha512", "sha512="), ("sha256", "v1=")])
def test_other_options_of_a_generic_sender(digest: str, prefix: str) -> None:
    headers = [("X-Acme-Sig", prefix + hex_hmac(SECRET, BODY, digest))]
    found = explain(case("generic", headers, scheme="hmac"))
    assert found.findings[0].cause == "algorithm"
    [hint] = found.findings[0].hints
    assert hint.action == "set_options"
    assert f"--option hash='{digest}'" in words(hint)


def test_two_mistakes_at_once() -> None:
    headers = [("x-square-hmacsha256-signature", base64_hmac(SECRET, URL.encode() + BODY))]
    found = explain(case("square", headers, url=URL.replace("https", "http"), secrets=[f'"{SECRET}"']))
    assert {finding.cause for finding in found.findings[:2]} == {"credential_written", "url"}
    assert found.is_proven


def test_a_truncated_body_is_said_first() -> None:
    found = explain(case("github", github_headers(), BODY[:40], total_bytes=len(BODY)))
    assert (found.findings[0].cause, found.is_proven) == ("body_truncated", False)
    assert f"Only 40 of its {len(BODY)} bytes" in found.findings[0].sentence


def test_a_handshake_whose_token_differs() -> None:
    url = f"{URL}?hub.mode=subscribe&hub.challenge=1&hub.verify_token=other"
    held = Credentials(secrets=[SECRET], options={"verify_token": "mine"})
    assert explained("meta", [], b"", url=url, method="GET", credentials=held)[0] == "handshake"
    right = replace(held, options={"verify_token": "other"})
    assert explained("meta", [], b"", url=url, method="GET", credentials=right) == ("handshake", "proven")


def test_a_secret_for_a_source_that_awaits_none() -> None:
    found = explain(case("asana", [("X-Hook-Secret", "brought by somebody")], b"{}"))
    assert (found.findings[0].cause, found.findings[0].certainty) == ("handshake", "proven")
    assert "does not await one" in found.findings[0].sentence


@pytest.mark.parametrize("header", ["X-Hook-Secret", "X-Hook-Signature"])
def test_a_secret_for_a_source_that_has_waited_too_long(header: str) -> None:
    held = Credentials()
    found = explain(case("asana", [(header, "ab" * 32)], b"{}", credentials=held, waited_too_long=True))
    assert (found.findings[0].cause, found.findings[0].certainty) == ("handshake", "proven")
    assert "24 hours" in found.findings[0].sentence
    assert Hint("enable_source", {"slug": "acme"}) in found.findings[0].hints


def test_a_certificate_that_is_not_at_hand() -> None:
    headers = [
        ("PAYPAL-CERT-URL", "https://api.paypal.com/v1/notifications/certs/CERT-1"),
        ("PAYPAL-TRANSMISSION-SIG", "YWJj"),
    ]
    held = Credentials(options={"webhook_id": "w"})
    found = explain(case("paypal", headers, credentials=held))
    assert "certificate" in [finding.cause for finding in found.findings]


def test_an_entry_that_sends_no_webhooks_has_no_headers_to_miss() -> None:
    assert explained("google", [("X-Goog-Channel-ID", "1")])[1] != "proven"
