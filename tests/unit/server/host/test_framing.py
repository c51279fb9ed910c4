"""What is a request and what is not (RFC 9112), in whatever pieces it comes."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.server.host.framing import FRAMING_BYTES, HEAD_BYTES, PIPELINED, Limits, Refused, RequestReader
from tests.services.for_each import for_each_row
from tests.services.framing_cases import CHUNKED, GET, HOST, POST, REFUSED
from tests.services.loop_server import LIMITS
from tests.services.recorder import Recorder


def read(data: bytes, *, size: int = 0, limits: Limits = LIMITS) -> Recorder:
    heard = Recorder()
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


@for_each_row(("size", "what"), product([0, 1], REFUSED))
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
