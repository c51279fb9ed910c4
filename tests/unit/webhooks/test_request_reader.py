"""Reading a request from a WSGI environment, as servers really hand it over."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.receive.addressing import Address
from gateway.webhooks.receive.request_reader import RequestReader, target_of


class BrokenOff(BytesIO):
    """gunicorn's stream of a chunked body whose sender has gone."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError("no more data after: b'7b'")


class InPieces(BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(3, size or 0))


def arrive(stream: BytesIO, limit: int = 10, **environ: Any) -> Arrival:
    reader = RequestReader(FakeClock(), base_url="https://gw.example.com", max_body_bytes=limit)
    given = {"REQUEST_METHOD": "POST", "wsgi.input": stream, "RAW_URI": "/webhooks/x", **environ}
    return reader.arrival(given, Address("default", "x"), "req_1")


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (BytesIO(b"12345"), {"CONTENT_LENGTH": "5"}, (b"12345", False, False)),
        (InPieces(b"1234567890"), {"CONTENT_LENGTH": "10"}, (b"1234567890", False, False)),
        (BytesIO(b"123"), {"CONTENT_LENGTH": "5"}, (b"123", False, True)),
        (BytesIO(b"x" * 11), {"CONTENT_LENGTH": "11"}, (b"", True, False)),
        (InPieces(b"12345"), {"wsgi.input_terminated": True}, (b"12345", False, False)),
        (BytesIO(b"x" * 11), {"wsgi.input_terminated": True}, (b"", True, False)),
        (BrokenOff(), {"wsgi.input_terminated": True}, (b"", False, True)),
        (BytesIO(b"ignored"), {}, (b"", False, False)),
    ],
)
def test_bodies(stream: BytesIO, environ: dict[str, Any], expected: tuple[bytes, bool, bool]) -> None:
    arrival = arrive(stream, **environ)
    assert (arrival.body, arrival.is_oversized, arrival.is_truncated) == expected


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("/webhooks/x?a=1%202&b", "https://gw.example.com/webhooks/x?a=1%202&b"),
        ("http://elsewhere.example.com/webhooks/x?q", "https://gw.example.com/webhooks/x?q"),
        ("http://elsewhere.example.com", "https://gw.example.com/"),
    ],
)
def test_the_public_url_is_ours_and_its_target_as_it_was_sent(raw: str, url: str) -> None:
    assert arrive(BytesIO(), RAW_URI=raw).url == url


def test_a_server_that_tells_no_target_and_one_that_serves_below_a_prefix() -> None:
    assert target_of({"PATH_INFO": "/webhooks/caf\xc3\xa9", "QUERY_STRING": "a=%20"}) == "/webhooks/caf%C3%A9?a=%20"
    assert target_of({"RAW_URI": "/below/webhooks/x?a", "SCRIPT_NAME": "/below"}) == "/webhooks/x?a"
