"""Where a browser may be sent back to."""

from __future__ import annotations

import pytest

from gateway.oauth.flows.return_to import origin, return_fault, with_parameters

ORIGINS = ("https://app.example.com", "https://app.example.com:8443", "http://127.0.0.1:5000", "http://[::1]:5000")


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/settings?tab=2&x=%2F%2Fevil#/deep/link",
        "https://app.example.com?tab=1",
        "https://app.example.com/a@b/https://c",
        "https://app.example.com:8443/done",
        "http://127.0.0.1:5000/done",
        "http://[::1]:5000/done",
    ],
)
def test_an_own_origin_is_returned_to(url: str) -> None:
    assert return_fault(url, ORIGINS) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//app.example.com/",
        "///app.example.com/",
        "https:app.example.com/",
        "https:/app.example.com/",
        "https:///app.example.com/",
        "http://app.example.com/",
        "https://app.example.com:443/",
        "https://app.example.com:08443/",
        "https://app.example.com:8444/",
        "https://app.example.com:/",
        "https://app.example.com./",
        "https://app.example.com../",
        "https://APP.example.com/",
        "HTTPS://app.example.com/",
        "https://app.example.com.evil.test/",
        "https://evil.test/app.example.com",
        "https://evil.test#https://app.example.com",
        "https://app.example.com@evil.test/",
        "https://app.example.com:secret@evil.test/",
        "https://user@app.example.com/",
        "https://app.example.com%40evil.test/",
        "https://app.example.com\\@evil.test/",
        "https://evil.test\\app.example.com/",
        "https:\\\\app.example.com/",
        "https://app.example.com/\\evil",
        "https://app.example.com/a b",
        " https://app.example.com/",
        "https://app.example.com/\n",
        "https://app.example.com\t/",
        "ht\ntps://app.example.com/",
        "https://app.example.com/\x00",
        "https://app.example.com/\x7f",
        "\x01https://app.example.com/",
        "https://app.example。com/",
        "https://аpp.example.com/",
        "https://app.example.com/ü",
        "https://xn--pp-8cd.example.com/",
        "javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,hi",
        "file:///etc/passwd",
        "https://[::1]:5000/done",
        "http://127.0.0.1/done",
        "http://127.1:5000/done",
        "http://2130706433:5000/done",
        "https://app.example.com/" + "a" * 2000,
        "https://app.example.com/?status=connected",
        "https://app.example.com/?%63onnection=conn_1",
        "https://app.example.com/?x=1&error",
    ],
)
def test_nothing_else_is(url: str) -> None:
    assert return_fault(url, ORIGINS) is not None


def test_who_has_no_origin_is_told_so() -> None:
    assert "it has none" in (return_fault("https://app.example.com/", ()) or "")


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("https://a.test", "https://a.test?status=connected&connection=conn_1"),
        ("https://a.test/b", "https://a.test/b?status=connected&connection=conn_1"),
        ("https://a.test/?", "https://a.test/?status=connected&connection=conn_1"),
        ("https://a.test/?x=%20", "https://a.test/?x=%20&status=connected&connection=conn_1"),
        ("https://a.test/?x=1#/top?y", "https://a.test/?x=1&status=connected&connection=conn_1#/top?y"),
    ],
)
def test_what_became_of_it_stands_behind_the_query(url: str, made: str) -> None:
    assert with_parameters(url, {"status": "connected", "connection": "conn_1"}) == made
    assert made.startswith(origin(url))
