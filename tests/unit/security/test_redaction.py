"""Redaction: what must go goes, by name and by form; what helps an operator stays."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.redaction import REDACTED, is_secret_name, redact_headers, redact_record, redact_text, redact_url
from tests.services.for_each import for_each_row


@for_each_row(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Gitlab-Token",
        "X-Hub-Signature-256",
        "Stripe-Signature",
        "X-Api-Key",
        "apikey",
        "X-Amz-Security-Token",
        "X-Shopify-Hmac-Sha256",
        "client_secret",
        "password",
        "encryption_keys",
        "X-Custom-Auth",
    ],
)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)
    assert redact_headers([(name, "abc")], ()) == [(name, REDACTED)]


@pytest.mark.parametrize(
    "name",
    ["Content-Type", "User-Agent", "X-GitHub-Event", "ordering_key", "dedupe_key", "event_id", "author", "key_id"],
)
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)
    assert redact_headers([(name, "abc")], ()) == [(name, "abc")]


def test_headers_keep_order_and_repeats() -> None:
    headers = [("A", "1"), ("Cookie", "x"), ("A", "2"), ("Via", "Bearer abcdefgh")]
    assert redact_headers(headers, ()) == [("A", "1"), ("Cookie", REDACTED), ("A", "2"), ("Via", f"Bearer {REDACTED}")]


@for_each_row(
    ("name", "value", "shown"),
    [
        ("Location", "https://api.example.com/a?sig_key=abc&b#access=abc", "https://api.example.com/a?sig_key=…&…"),
        ("location", "/files/1?key=abc", "/files/1?key=…"),
        ("Content-Location", "https://me:abc@example.com/a", "https://example.com/a"),
        (
            "Link",
            '<https://x.example.com/a?page=2&k=abc>; rel="next", </a?k=abc>; rel="last"',
            '<https://x.example.com/a?page=…&k=…>; rel="next", </a?k=…>; rel="last"',
        ),
        ("Referer", "https://shop.example.com/?a=abc", "https://shop.example.com/?a=…"),
        ("Refresh", "5; url=https://x.example.com/?a=abc", "5; url=https://x.example.com/?a=…"),
        ("X-Note", "is it? a=b", "is it? a=b"),
    ],
)
def test_urls_in_headers_are_shown_without_their_values(name: str, value: str, shown: str) -> None:
    assert redact_headers([(name, value)], ()) == [(name, shown)]


def test_a_header_that_is_known_to_carry_a_proof_goes_whatever_it_is_called() -> None:
    headers = [("CF-Webhook-Auth", "hunter2"), ("X-Name", "cf-webhook-auth")]
    assert redact_headers(headers, {"cf-webhook-auth"}) == [
        ("CF-Webhook-Auth", REDACTED),
        ("X-Name", "cf-webhook-auth"),
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "gwk_0123456789abcdef",
        "ghp_0123456789012345678901234567890123456",
        "xoxb-1234-abcd",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_are_known_by_their_form(secret: str) -> None:
    assert secret not in redact_text(f"could not use {secret}, will retry")
    assert redact_text(f"could not use {secret}, will retry") == f"could not use {REDACTED}, will retry"


@pytest.mark.parametrize("before", ["", "a=", "token-", "_x-", "-", "a.", "(", "\n"])
def test_tokens_are_known_wherever_they_stand(before: str) -> None:
    shown = redact_text(f"{before}eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef")
    assert "hbGciOi" not in shown
    assert "abcdef" not in shown


# Beginnings of what is looked for, which would be tried anew at every one of them.
STUTTERS = [
    "-eyJ",
    "eyJaaaaaaaa.",
    "://a",
    "://a:",
    "Bearer ",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "PRIVATE ",
]
STUTTERS += ["-whsec_", "-ghp_", "-github_pat_", "-glpat-", "-xoxb-", "-xapp-", "-shpat_a", "-AKIA", "-sk_live_"]


@for_each_row(("stutter", "before"), product(STUTTERS, ["", "Bearer ", "-----BEGIN ", "://", "eyJaaaaaaaa."]))
def test_the_time_grows_with_the_length_and_no_faster(before: str, stutter: str) -> None:
    started = time.thread_time()
    redact_text(before + stutter * (10_000 // len(stutter)))
    # A pattern that tries anew at every beginning takes seconds for this; the others take milliseconds.
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("stutter", ["x_", "x_a", "access", "api_", "passw"])
def test_long_names_are_judged_in_time(stutter: str) -> None:
    started = time.thread_time()
    is_secret_name(stutter * (50_000 // len(stutter)))
    assert time.thread_time() - started < 2


def test_credentials_leave_urls_and_the_rest_stays() -> None:
    assert redact_text("postgresql://gateway:hunter2@db:5432/gateway") == f"postgresql://{REDACTED}@db:5432/gateway"
    assert redact_text("https://example.com/a?b=c@d") == "https://example.com/a?b=c@d"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://gw.example.com/webhooks/x", "https://gw.example.com/webhooks/x"),
        ("https://gw.example.com/x?token=s3cret&a=", "https://gw.example.com/x?token=…&a=…"),
        ("https://gw.example.com/x?s3cret", "https://gw.example.com/x?…"),
        ("https://gw.example.com/x?code=s3cret==&&b=2", "https://gw.example.com/x?code=…&b=…"),
        ("https://user:s3cret@gw.example.com/x#s3cret", "https://gw.example.com/x"),
        ("http://[s3cret", "(a URL that cannot be read)"),
        ("", ""),
    ],
)
def test_urls_are_shown_without_values(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_a_secret_at_the_end_of_the_path_is_hidden_where_it_is_one() -> None:
    assert redact_url("https://gw.example.com/webhooks/s3cret?a=1", hide_last_segment=True) == (
        "https://gw.example.com/webhooks/…?a=…"
    )


def test_records_are_redacted_at_every_depth() -> None:
    record = {
        "event": "sent Bearer abcdefghijkl",
        "secret": "plain",
        "attempts": 3,
        "signed": True,
        "nothing": None,
        "body": b"raw",
        "headers": {"Authorization": "Basic eA==", "Accept": "*/*"},
        "parts": [{"token": "t"}, ("gwk_abc",)],
        "object": ValueError("whsec_abcdef"),
    }
    assert redact_record(None, "info", record) == {
        "event": f"sent Bearer {REDACTED}",
        "secret": REDACTED,
        "attempts": 3,
        "signed": True,
        "nothing": None,
        "body": "[3 bytes]",
        "headers": {"Authorization": REDACTED, "Accept": "*/*"},
        "parts": [{"token": REDACTED}, [REDACTED]],
        "object": REDACTED,
    }


def test_a_bottomless_record_ends() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert REDACTED in str(redact_record(None, "info", {"loop": loop}))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz .,:/-0123456789"))
def test_ordinary_sentences_stay(text: str) -> None:
    if "@" not in text and "bearer" not in text and "basic" not in text and "token" not in text and "-" not in text:
        assert redact_text(text) == text
