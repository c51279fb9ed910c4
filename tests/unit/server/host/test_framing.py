"""What is a request and what is not (RFC 9112), in whatever pieces it comes."""

from __future__ import annotations

import pytest

from gateway.server.host.framing import FRAMING_BYTES, HEAD_BYTES, PIPELINED, Head, Limits, Refused, RequestReader
from tests.services.loop_server import LIMITS

HOST = b"Host: gateway\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = {
    "length beyond 2^64": (POST + b"Content-Length: 18446744073709551618\r\n\r\nab", 400),
    "length with plus": (POST + b"Content-Length: +2\r\n\r\nab", 400),
    "negative length": (POST + b"Content-Length: -2\r\n\r\nab", 400),
    "list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\nab", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
    "empty length": (POST + b"Content-Length:\r\n\r\n", 400),
    "hexadecimal length": (POST + b"Content-Length: 0x2\r\n\r\nab", 400),
    "length, then chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks, then length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks not last": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "unknown coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk beyond 2^64": (CHUNKED + b"10000000000000001\r\na\r\n0\r\n\r\n", 400),
    "chunk with plus": (CHUNKED + b"+1\r\na\r\n0\r\n\r\n", 400),
    "chunk with 0x": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", 400),
    "chunk longer than said": (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
    "LF after a chunk's size": (CHUNKED + b"1\na\r\n0\r\n\r\n", 400),
    "LF after a chunk": (CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
    "LF after an extension": (CHUNKED + b"1;a\na\r\n0\r\n\r\n", 400),
    "LF after the last chunk": (CHUNKED + b"0\n\r\n", 400),
    "length in a trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", 400),
    "LF after the request line": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400),
    "LF after a field": (b"GET / HTTP/1.1\r\nHost: gateway\nX: a\r\n\r\n", 400),
    "LF at the end of the head": (GET + b"X: a\r\n\n", 400),
    "CR in a field": (GET + b"X: a\rb\r\n\r\n", 400),
    "folded field": (GET + b"X: a\r\n b\r\n\r\n", 400),
    "space before the colon": (GET + b"X : a\r\n\r\n", 400),
    "NUL in a field": (GET + b"X: a\x00b\r\n\r\n", 400),
    "no colon": (GET + b"No colon\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (GET + HOST + b"\r\n", 400),
    "two types": (POST + b"Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 505),
    "HTTP/2": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 400),
    "unknown method": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tunnel": (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "target of other characters": (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target without host": (b"GET http:///a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "WebSocket": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 403),
    "long target": (b"GET /" + b"a" * 8190 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "101 fields": (GET + b"X: a\r\n" * 100 + b"\r\n", 431),
    "long field": (GET + b"X: " + b"a" * 72 * 1024 + b"\r\n\r\n", 431),
}


class Heard:
    """Requests with their bodies; None while a body is not whole."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.whole = 0

    def began(self, head: Head) -> None:
        self.heads.append(head)
        self.bodies.append(b"")

    def came(self, data: bytes) -> None:
        self.bodies[-1] += data

    def ended(self) -> None:
        self.whole += 1


def read(data: bytes, *, size: int = 0, limits: Limits = LIMITS) -> Heard:
    heard = Heard()
    reader = RequestReader(heard, limits)
    for start in range(0, len(data), size or len(data)):
        reader.feed(data[start : start + (size or len(data))])
    return heard


def refusal(data: bytes, *, size: int = 0) -> int:
    with pytest.raises(Refused) as refused:
        read(data, size=size)
    return refused.value.status


@pytest.mark.parametrize("size", [0, 1, 7])
def test_requests_one_behind_the_other_in_whatever_pieces(size: int) -> None:
    heard = read(
        b"POST /a%2Fb/%C3%A9?q=%20&r HTTP/1.1\r\nhost: gateway\r\nX-Two:  a \t\r\nContent-Length: 5\r\n\r\nhello"
        + CHUNKED
        + b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        + GET
        + b"\r\n",
        size=size,
    )
    assert heard.whole == 3
    assert heard.bodies == [b"hello", b"abcde", b""]
    first, second, third = heard.heads
    assert (first.method, first.http_version, first.path) == ("POST", "1.1", "/a/b/é")
    assert (first.raw_path, first.query_string) == (b"/a%2Fb/%C3%A9", b"q=%20&r")
    assert first.headers == [(b"host", b"gateway"), (b"x-two", b"a"), (b"content-length", b"5")]
    assert (b"trailer", b"x") not in second.headers
    assert third.method == "GET"
    assert first.keeps_alive
    assert third.keeps_alive


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str, size: int) -> None:
    data, status = REFUSED[what]
    assert refusal(data, size=size) == status


def test_a_head_is_bounded_before_it_ends() -> None:
    field = b"a" * 60_000
    assert refusal(GET + b"".join(b"X-%d: %s\r\n" % (number, field) for number in range(4))) == 431
    # One that never ends, byte by byte.
    endless = GET + b"X: " + b"a" * (HEAD_BYTES + 1)
    assert refusal(endless, size=1000) == 431
    assert read(GET + b"X: " + b"a" * 65_536 + b"\r\n\r\n").whole == 1


def test_a_body_may_not_be_mostly_framing() -> None:
    assert refusal(CHUNKED + b"1\r\na\r\n" * FRAMING_BYTES) == 400
    assert refusal(CHUNKED + b"1;" + b"a" * (2 * FRAMING_BYTES)) == 400
    assert refusal(CHUNKED + b"0\r\n" + b"T: a\r\n" * FRAMING_BYTES) in {400, 431}
    assert read(CHUNKED + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n").bodies == [b"a" * 10_000]
    assert read(CHUNKED + b"5\r\nhello\r\n" * 20_000 + b"0\r\n\r\n").bodies == [b"hello" * 20_000]


def test_too_many_requests_at_once() -> None:
    request = GET + b"\r\n"
    assert read(request * PIPELINED).whole == PIPELINED
    assert read(request * 3 * PIPELINED, size=len(request) * PIPELINED).whole == 3 * PIPELINED
    assert refusal(request * (PIPELINED + 1)) == 400


@pytest.mark.parametrize(
    ("head", "keeps_alive"),
    [
        (GET, True),
        (GET + b"Connection: keep-alive\r\n", True),
        (GET + b"Connection: close\r\n", False),
        (GET + b"Connection: keep-alive, Close\r\n", False),
        (GET + b"Connection: keep-alive\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_what_comes_after_the_last_request_is_not_read(head: bytes, keeps_alive: bool) -> None:
    heard = read(head + b"\r\n" + GET + b"\r\n")
    assert heard.heads[0].keeps_alive is keeps_alive
    assert len(heard.heads) == heard.whole == 1 + keeps_alive


def test_absolute_targets() -> None:
    heard = read(b"GET HTTP://user@other:81/a?b HTTP/1.1\r\n" + HOST + b"X: y\r\n\r\n").heads[0]
    assert (heard.path, heard.query_string) == ("/a", b"b")
    assert heard.headers == [(b"host", b"other:81"), (b"x", b"y")]
    assert read(b"GET http://other HTTP/1.1\r\n" + HOST + b"\r\n").heads[0].path == "/"
    assert read(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n").heads[0].raw_path == b"*"


def test_names_that_could_pass_for_others_are_left_out() -> None:
    heard = read(GET + b"X_Forwarded_For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\n\r\n")
    assert heard.heads[0].headers == [(b"host", b"gateway"), (b"x-forwarded-for", b"5.6.7.8")]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "framed", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_who_asks_for_another_protocol_is_served_in_this_one(framed: bytes, size: int) -> None:
    asking = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    heard = read(asking + framed + GET + b"\r\n", size=size)
    assert heard.bodies == [b"hello"]
    assert heard.whole == 1
    assert not heard.heads[0].keeps_alive
    assert read(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", size=size).whole == 1


def test_expectations() -> None:
    assert read(POST + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n").heads[0].expects_continue
    assert not read(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").heads[0].expects_continue
