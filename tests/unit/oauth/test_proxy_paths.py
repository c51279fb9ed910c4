"""Where a proxied call goes: behind the base URL of the connection's API, whatever the path says."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput
from gateway.oauth.proxy.paths import path_fault, target_url
from tests.services.for_each import for_each

BASE = "https://api.example.com/v2"


@for_each(
    [
        ("user", "", f"{BASE}/user"),
        ("", "", BASE),
        ("", "a=b", f"{BASE}?a=b"),
        ("user/", "", f"{BASE}/user/"),
        ("repos/a%2Fb/issues", "state=open&q=a+b%20c", f"{BASE}/repos/a%2Fb/issues?state=open&q=a+b%20c"),
        ("sites/https%3A%2F%2Fexample.com%2F/query", "", f"{BASE}/sites/https%3A%2F%2Fexample.com%2F/query"),
        ("odata/Users('a')/$value;v=1", "", f"{BASE}/odata/Users('a')/$value;v=1"),
        ("a..b/...", "", f"{BASE}/a..b/..."),
        ("@evil.example.com", "", f"{BASE}/@evil.example.com"),
        ("x", "next=https://evil.example.com/", f"{BASE}/x?next=https://evil.example.com/"),
    ]
)  # fmt: skip
def test_what_goes_on_goes_on_as_it_stands(case: tuple[str, str, str]) -> None:
    path, query, url = case
    assert target_url(BASE, path, query) == url


@for_each(
    [
        "../secrets",
        "a/../../b",
        "a/./b",
        "..",
        "%2e%2e/secrets",
        "%2E./secrets",
        "a%2f..%2fb",
        "..%2f..%2fb",
        "..%5cb",
        "%252e%252e/b",
        "%25252e%25252e/b",
        "a/..;/b",
        "a/..%3bx/b",
        "a/%20../b",
        "a/..%20/b",
        "/evil.example.com",
        "//evil.example.com/a",
        "a//b",
        "https://evil.example.com/",
        "a\\..\\b",
        "a b",
        "a\tb",
        "a\r\nHost: evil",
        "a%0d%0aHost:%20evil",
        "a%00b",
        "a%250ab",
        "a#b",
        "ä",
        "a%zz",
        "a%2",
        "a" * 20_000,
    ]
)
def test_what_could_lead_elsewhere_goes_nowhere(path: str) -> None:
    assert path_fault(path) is not None
    with pytest.raises(InvalidInput):
        target_url(BASE, path, "")


@for_each(["a b", "a#b", "ä=1", "a\nb", "a" * 20_000])
def test_queries(query: str) -> None:
    with pytest.raises(InvalidInput):
        target_url(BASE, "x", query)


PIECES = st.sampled_from(
    ["..", ".", "/", "//", "\\", "%2e", "%2f", "%5c", "%252e", "%25", "%00", "@", ":", "?", "#", ";", "a", "https:"]
)  # fmt: skip


@given(st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40)), st.text(max_size=20))
def test_no_path_leaves(path: str, query: str) -> None:
    try:
        url = target_url(BASE, path, query)
    except InvalidInput:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert parts.path == "/v2" or parts.path.startswith("/v2/")
    read = parts.path
    for _ in range(4):
        assert not {".", ".."} & set(read.replace("\\", "/").split("/"))
        read = unquote(read)
