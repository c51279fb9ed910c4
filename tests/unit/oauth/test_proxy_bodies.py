"""Which bodies of proxied calls are held, which go on as they come, and which are refused."""

from __future__ import annotations

from io import BytesIO

import pytest

from gateway.errors import BodyIncomplete, BodyTooLarge
from gateway.oauth.proxy.bodies import Body, is_form, read_body


def body(data: bytes, length: int | None = None, *, most: int | None = None, needs_whole: bool = False) -> Body:
    return read_body(BytesIO(data), length, most=most, held=4, needs_whole=needs_whole)


@pytest.mark.parametrize("length", [None, 4])
def test_small_ones_are_held(length: int | None) -> None:
    assert body(b"1234", length).held == b"1234"
    assert body(b"", 0) == Body()
    assert body(b"1234", length, needs_whole=True).held == b"1234"


@pytest.mark.parametrize("length", [None, 5])
def test_larger_ones_go_on(length: int | None) -> None:
    upload = body(b"12345", length).upload
    assert upload is not None
    assert (upload.length, upload.has_begun, b"".join(upload)) == (length, False, b"12345")
    assert (upload.has_begun, upload.sent_bytes) == (True, 5)


def test_what_is_too_large_is_refused_as_soon_as_it_shows() -> None:
    for given in ({"length": 10, "most": 9}, {"most": 3}, {"needs_whole": True}, {"length": 5, "needs_whole": True}):
        with pytest.raises(BodyTooLarge):
            body(b"12345", **given)  # type: ignore[arg-type]
    upload = body(b"1234567", most=6).upload
    assert upload is not None
    with pytest.raises(BodyTooLarge):
        list(upload)


def test_what_ends_before_its_length_is_not_whole() -> None:
    with pytest.raises(BodyIncomplete):
        body(b"12", 3)
    upload = body(b"12345", 6).upload
    assert upload is not None
    with pytest.raises(BodyIncomplete):
        list(upload)


def test_forms_are_told_by_their_type() -> None:
    assert is_form([("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8")])
    assert not is_form([("Content-Type", "application/json")])
    assert not is_form([])
