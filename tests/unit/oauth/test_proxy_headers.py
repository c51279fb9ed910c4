"""Which headers of a proxied call, and of its answer, go on."""

from __future__ import annotations

from gateway.oauth.proxy.headers import given, sent
from tests.services.for_each import for_each

CALLERS = [
    ("Authorization", "Bearer gwk_secret"),
    ("Cookie", "session=1"),
    ("Proxy-Authorization", "Basic x"),
    ("Connection", "close, X-Private"),
    ("X-Private", "1"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Anything", "1"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("Via", "1.1 proxy"),
    ("TE", "trailers"),
    ("Transfer-Encoding", "chunked"),
    ("Upgrade", "h2c"),
    ("Expect", "100-continue"),
    ("Host", "gateway.example.com"),
    ("Content-Length", "3"),
    ("Gateway-Tenant", "acme"),
    ("Referer", "https://app.example.com/customers/17"),
    ("Sec-Fetch-Site", "none"),
    ("X-Original-URL", "/admin"),
    ("X-Rewrite-URL", "/admin"),
]
PASSING = [("Accept", "application/json"), ("If-None-Match", '"1"'), ("Idempotency-Key", "k"), ("X-GitHub-Api", "1")]


def test_what_goes_to_the_provider() -> None:
    assert sent([*CALLERS, *PASSING]) == PASSING
    assert sent([(name.upper(), value) for name, value in CALLERS]) == []


@for_each(
    [
        ("Set-Cookie", "session=1"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Strict-Transport-Security", "max-age=1"),
        ("Access-Control-Allow-Origin", "*"),
        ("Clear-Site-Data", '"*"'),
        ("Refresh", "0; url=https://evil.example.com"),
        ("Gateway-Upstream-Status", "200"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Security-Policy", "default-src *"),
    ]
)
def test_what_is_not_given_to_the_caller(pair: tuple[str, str]) -> None:
    headers = given(404, [pair, ("Connection", "X-Hop"), ("ETag", '"1"'), ("X-Request-Id", "theirs")])
    assert (pair in headers) is False
    assert dict(headers) == {
        "ETag": '"1"',
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Gateway-Upstream-Request-Id": "theirs",
        "Gateway-Upstream-Status": "404",
    }


@for_each(
    [
        ("public, max-age=60, s-maxage=600", "private, max-age=60"),
        ("no-store", "private, no-store"),
        ("public", "private, no-cache"),
    ]
)
def test_no_cache_keeps_for_others_what_one_key_was_answered(case: tuple[str, str]) -> None:
    said, expected = case
    assert dict(given(200, [("Cache-Control", said)]))["Cache-Control"] == expected
