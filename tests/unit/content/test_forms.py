"""Forms hold their bounds before they are read."""

from __future__ import annotations

import tracemalloc
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.content.forms import MAX_FIELDS, MAX_PART_HEADER_BYTES, URLENCODED, parse_form, parse_query

MULTIPART = "multipart/form-data; boundary=X"


def multipart(*headers: bytes, rest: bytes = b"") -> bytes:
    return b"".join(b"--X\r\n" + header + b"\r\n\r\nv\r\n" for header in headers) + rest + b"--X--\r\n"


def named(number: int) -> bytes:
    return b'Content-Disposition: form-data; name="%d"' % number


def test_fields_and_parts_are_counted() -> None:
    parts = [named(number) for number in range(MAX_FIELDS + 1)]
    for content_type, most, more in (
        (URLENCODED, b"a&" * (MAX_FIELDS - 1) + b"a", b"a&" * MAX_FIELDS + b"a"),
        (MULTIPART, multipart(*parts[:-1]), multipart(*parts)),
    ):
        fields = parse_form(content_type, most)
        assert fields is not None
        assert sum(len(values) for values in fields.values()) == MAX_FIELDS
        assert parse_form(content_type, more) is None
    assert parse_query("a&" * MAX_FIELDS + "a") is None


def test_headers_of_parts_are_bounded() -> None:
    def padded(size: int) -> bytes:
        header = b'Content-Disposition: form-data; name="a"; x='
        return multipart(header + b"y" * (size - len(header)))

    assert parse_form(MULTIPART, padded(MAX_PART_HEADER_BYTES // 2)) == {"a": ["v"]}
    assert parse_form(MULTIPART, padded(MAX_PART_HEADER_BYTES + 1)) is None
    # Many that are long together.
    half = named(1) + b"\r\nX: " + b"y" * (MAX_PART_HEADER_BYTES // 2)
    assert parse_form(MULTIPART, multipart(half, half)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--X",
        b"--X\r\n",
        b"--X\r\nContent-Disposition: form-data; name=a\r\n\r\n",
        multipart(b"X: y"),
        multipart(b"\xff: y"),
        multipart(named(1))[:-6],
        b"--X" * 5_000,
    ],
)
def test_broken_multipart_is_none(body: bytes) -> None:
    assert parse_form(MULTIPART, body) is None


def test_a_large_file_is_left_out_and_costs_no_field() -> None:
    file = b'Content-Disposition: form-data; name="f"; filename="f"'
    rest = b"--X\r\n" + file + b"\r\n\r\n" + b"\r\n-" * 200_000 + b"\r\n"
    assert parse_form(MULTIPART, multipart(named(1), rest=rest)) == {"1": ["v"]}


@given(st.text(alphabet="%4aF1&=+é\udcff\x00g", max_size=40))
def test_fields_are_those_of_the_standard_library(query: str) -> None:
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        fields.setdefault(name, []).append(value)
    found = parse_query(query)
    assert found is not None
    # What was no UTF-8 is carried as it came, whether it was escaped or not.
    assert as_bytes(found) == as_bytes(fields)


def as_bytes(fields: dict[str, list[str]]) -> list[tuple[bytes, list[bytes]]]:
    pairs = ((name, [value.encode("utf-8", "surrogateescape") for value in values]) for name, values in fields.items())
    return [(name.encode("utf-8", "surrogateescape"), values) for name, values in pairs]


@pytest.mark.parametrize("shift", range(4))
def test_long_values_are_unescaped_whole(shift: int) -> None:
    text = "x" * shift + "é%&=+ " * 20_000
    found = parse_query(urlencode({"a": text, "b": "%"}) + "%4")
    assert found == {"a": [text], "b": ["%%4"]}


def test_unescaping_takes_little_memory() -> None:
    query = "a=" + "%41" * 400_000
    tracemalloc.start()
    try:
        assert parse_query(query) == {"a": ["A" * 400_000]}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(query)
