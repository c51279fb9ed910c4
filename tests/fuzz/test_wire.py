"""Requests on the wire: whatever comes, in whatever pieces, is read as RFC 9112 says or refused.

The gateway's reader is held against a second reading (`rfc9112`), and against itself with the bytes cut otherwise. What
is served has to be served by both and be the same; refusing more is allowed, except where a request is well-formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.server.host.framing import Head, Refused, RequestReader
from tests.fuzz.conftest import bounded
from tests.fuzz.rfc9112 import Request, requests_of
from tests.services.framing_cases import REFUSED
from tests.services.loop_server import LIMITS
from tests.services.recorder import Recorder

METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"CONNECT", b"get", b"PRI", b"M-SEARCH"]
TARGETS = [b"/", b"/webhooks/x?a=1", b"*", b"http://other/a", b"http:///", b"/%2f", b"/a#b", b"a:1", b"/\x7f", b"//x"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.1 ", b"http/1.1"]
LINE_ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\r\n ", b" \r\n", b"\x00\r\n"]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTHS = [b"0", b"5", b"05", b"+5", b"-5", b"5, 5", b"5,6", b"0x5", b"5 5", b"", b" 5\t", b"5_0", b"1e1", b"\xb2"]
LENGTHS += [b"18446744073709551616", b"18446744073709551621", b"4294967301", b"9" * 40]
CODINGS = [b"chunked", b"Chunked", b" chunked\t", b"chunked, chunked", b"gzip, chunked", b"chunked;q=1", b"\x0bchunked"]
CODINGS += [b"identity", b"", b"xchunked", b"chunked,", b",chunked", b'"chunked"']
SIZES = [b"5", b"05", b"0", b"00", b"5;a=b", b"5 ;a", b'5;a="\r', b"+5", b"-1", b"0x5", b"5 5", b"", b";", b"g", b"5\t"]
SIZES += [b"10000000000000005", b"ffffffffffffffff", b"100000000", b"F" * 17]
CONNECTIONS = [
    b"close",
    b"keep-alive",
    b"Close, x",
    b"Upgrade",
    b"Upgrade, HTTP2-Settings",
    b"",
    b"x, close",
    b"closed",
]
OTHERS = [
    b"X: y",
    b"X:y \t",
    b"X : y",
    b": y",
    b"X",
    b" folded",
    b"X\x00: y",
    b"Content_Length: 9",
    b"Upgrade: h2c",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"X: \xff",
    b"X: a\x0bb",
    b"X: a\x7fb",
]


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A request line and fields, most of them as they should be."""
    end = st.sampled_from(LINE_ENDS)
    odd = draw(st.booleans())
    words = [draw(st.sampled_from(words if odd else words[:2])) for words in (METHODS, TARGETS, VERSIONS)]
    lines = [b" ".join(words), *([b"Host: a"] * draw(st.sampled_from([1, 1, 1, 1, 0, 2])))]
    for name, values in ((b"Content-Length", LENGTHS), (b"Transfer-Encoding", CODINGS), (b"Connection", CONNECTIONS)):
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
            lines.append(
                draw(st.sampled_from([name, name.lower(), name.upper()])) + b":" + draw(st.sampled_from(values))
            )
    lines += draw(st.lists(st.sampled_from(OTHERS), max_size=2))
    middle = draw(st.permutations(lines[1:]))
    return b"".join(line + (draw(end) if odd else b"\r\n") for line in (lines[0], *middle)) + (
        draw(end) if odd else b"\r\n"
    )


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """A body in chunks, more or less."""
    end = st.sampled_from(LINE_ENDS)
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        parts += [
            draw(st.sampled_from(SIZES)),
            draw(end),
            draw(st.sampled_from([b"hello", SMUGGLED[:5], b"", b"\r\n"])),
            draw(end),
        ]
    parts += [draw(st.sampled_from([b"0", b"0", b"000", b"0;x", b""])), draw(end)]
    parts += draw(st.lists(st.sampled_from([b"T: a\r\n", b"Content-Length: 5\r\n", b"X\n"]), max_size=1))
    return b"".join([*parts, draw(end)])


BODIES = st.one_of(
    chunks(), st.sampled_from([b"", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n"])
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """One to three of them one behind the other, or a case that is known, with a few bytes changed."""
    if draw(st.booleans()):
        pieces = [draw(heads()) + draw(BODIES) for _ in range(draw(st.integers(1, 3)))]
        stream = b"".join(pieces) + SMUGGLED
    else:
        stream = draw(st.sampled_from([data for data, _status in REFUSED.values() if len(data) < 1000])) + SMUGGLED
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        at, length = draw(st.integers(0, len(stream))), draw(st.integers(0, 2))
        put = draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"0", b"\x00"]))
        )
        stream = stream[:at] + put + stream[at + length :]
    return stream


CUTS = st.lists(st.integers(0, 600), max_size=12)


@dataclass
class Reading:
    """What the gateway's reader made of a stream."""

    served: list[tuple[Head, bytes]]
    begun: int
    refused: int | None


def read(stream: bytes, cuts: Sequence[int] = ()) -> Reading:
    listener = Recorder()
    reader, refused = RequestReader(listener, LIMITS), None
    ends = sorted({cut for cut in cuts if cut < len(stream)} | {len(stream)})
    try:
        for start, end in zip([0, *ends], ends, strict=False):
            reader.feed(stream[start:end])
    except Refused as error:
        refused = error.status
    whole = listener.whole
    return Reading(
        list(zip(listener.heads[:whole], listener.bodies[:whole], strict=True)), len(listener.heads), refused
    )


def is_same(head: Head, body: bytes, expected: Request) -> bool:
    if (head.method.encode(), head.http_version.encode(), body) != (expected.method, expected.version, expected.body):
        return False
    if not expected.target.startswith((b"/", b"*")):
        # An absolute target: its authority takes the place of Host.
        return expected.target.partition(b"#")[0].endswith(head.query_string)
    path, _, query = expected.target.partition(b"#")[0].partition(b"?")
    # Names that could pass for others are left out.
    fields = [(name, value) for name, value in expected.fields if b"_" not in name]
    return (head.raw_path, head.query_string, head.headers) == (path, query, fields)


@bounded(2000)
@given(streams(), CUTS)
@example(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551618\r\n\r\nab" + SMUGGLED, [])
@example(
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n" + SMUGGLED,
    [],
)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + SMUGGLED, [])
@example(
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello" + SMUGGLED,
    [9],
)
def test_what_is_served_is_what_the_standard_says_in_whatever_pieces(stream: bytes, cuts: list[int]) -> None:
    whole = read(stream)
    expected = requests_of(stream)
    assert len(whole.served) <= len(expected)
    for (head, body), request in zip(whole.served, expected, strict=False):
        assert is_same(head, body, request)
    for pieces in (cuts, range(1, len(stream))):
        again = read(stream, pieces)
        assert again == whole


NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,12}\Z").filter(
    lambda name: (
        name.lower()
        not in {"host", "connection", "upgrade", "content-length", "transfer-encoding", "content-type", "expect"}
    )
)
VALUES = st.from_regex(rb"\A[!-~\x80-\xff]([ -~\x80-\xff\t]{0,20}[!-~\x80-\xff])?\Z")


@st.composite
def well_formed(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request that nobody may refuse, and its body."""
    fields = [
        b"%s:%s%s" % (draw(NAMES).encode(), draw(st.sampled_from([b"", b" ", b"\t "])), draw(VALUES))
        for _ in range(draw(st.integers(0, 4)))
    ]
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        fields.append(b"Content-Length: %d" % len(body))
        framed = body
    else:
        fields.append(b"Transfer-Encoding: chunked")
        cut = draw(st.integers(0, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b';a="b c"', b";a=b;c"]))
        parts = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in (body[:cut], body[cut:]) if part]
        framed = b"".join(parts) + b"0\r\n" + draw(st.sampled_from([b"", b"T: a\r\n"])) + b"\r\n"
    fields = draw(st.permutations([b"Host: a", *fields]))
    return b"POST /a?b HTTP/1.1\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + framed, body


@bounded(400)
@given(st.lists(well_formed(), min_size=1, max_size=4), CUTS)
def test_what_is_well_formed_is_served(requests: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(request for request, _body in requests)
    for pieces in ((), cuts):
        found = read(stream, pieces)
        assert found.refused is None
        assert [body for _head, body in found.served] == [body for _request, body in requests]
    # The second reading is worth something: it serves them too.
    assert [request.body for request in requests_of(stream)] == [body for _request, body in requests]
