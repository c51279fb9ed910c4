"""What a body is: one answer, whatever its content type says, and bounded."""

from __future__ import annotations

import gzip
import json
import time
from itertools import product
from typing import Any

import pytest

from gateway.content import jsontext
from gateway.content.data import NotData, data_of, json_of
from tests.services.for_each import for_each_row

FORM = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="X"'
PARTS = (
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nfile\r\n--X--\r\n'
)


@for_each_row(
    ("content_type", "body"),
    product(
        [None, "", "text/plain", "application/json", FORM, MULTIPART, FORM.upper()],
        [b'{"a": [1]}', b' \r\n\t{"a": [1]}', b'\xef\xbb\xbf{"a": [1]}'],
    ),
)
def test_json_is_json_whatever_the_header_says(content_type: str | None, body: bytes) -> None:
    assert data_of(content_type, body) == {"a": [1]}
    assert data_of(content_type, gzip.compress(body)) == {"a": [1]}
    assert json_of(body) == json_of(gzip.compress(body)) == {"a": [1]}


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        (FORM, b"a=1&b=%C3%A9&a=2&c=", {"a": "1", "b": "é", "c": ""}),
        (FORM + "; charset=utf-8", b"payload=%7B%22a%22%3A1%7D", {"payload": '{"a":1}'}),
        (FORM, b"a=%ff", {"a": "\ufffd"}),
        # Text that reads as a number, and as a field without a value: the header says which.
        (FORM, b"1", {"1": ""}),
        ("text/plain", b"1", 1),
        (FORM, b"{a=1}", {"{a": "1}"}),
        (FORM, b"", {}),
        (MULTIPART, PARTS, {"a": "1"}),
    ],
)
def test_forms_and_what_could_be_both(content_type: str, body: bytes, data: Any) -> None:
    assert data_of(content_type, body) == data


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (None, b"a=1"),
        ("application/json", b"{"),
        (None, b""),
        (None, b"[" * 100_000),
        (None, b"\x1f\x8bnot gzip"),
        (FORM, b"&" * 10_000),
        (MULTIPART, b"--X"),
        ("multipart/form-data", PARTS),
    ],
)
def test_what_is_no_data(content_type: str | None, body: bytes) -> None:
    with pytest.raises(NotData):
        data_of(content_type, body)


@pytest.mark.parametrize("body", [b"", b"{", b"a=1", b"[" * 100_000, b"\x1f\x8b"])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_of(body)


def test_what_has_too_many_values_is_no_data() -> None:
    def values(count: int) -> bytes:
        return b"[" + b"1," * (count - 2) + b"1]"

    assert len(data_of(None, values(jsontext.MAX_VALUES))) == jsontext.MAX_VALUES - 1
    with pytest.raises(NotData, match="values"):
        data_of(None, values(jsontext.MAX_VALUES + 1))
    # A compressed body is counted by what is in it.
    with pytest.raises(NotData, match="values"):
        data_of(FORM, gzip.compress(values(jsontext.MAX_VALUES + 1), 1))


def test_texts_without_an_end_take_no_longer_than_others() -> None:
    started = time.process_time()
    for before in ('[1,"', '["\\\\', '"'):
        document = before + '\\"' * 30_000 + "," * 40_000
        for raw in (document, document.encode(), document.encode() + b"\\"):
            assert not jsontext.has_too_many_values(raw, 1_000)
    # Tried anew from each quote in them they take a minute, in which nothing else of the process runs.
    assert time.process_time() - started < 1


@pytest.mark.parametrize("document", [{"a": {"b": []}, "c": [1, "x", None]}, [[], {}, [[]]], "a", {}, 1])
def test_values_are_counted(document: Any) -> None:
    def count(value: Any) -> int:
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(count(member) for member in members)

    text = json.dumps(document)
    for raw in (text, text.encode(), text.encode("utf-16")):
        # Empty containers count one for what they do not hold.
        assert not jsontext.has_too_many_values(raw, 2 * count(document))
        assert count(document) < 3 or jsontext.has_too_many_values(raw, count(document) - 1)


def test_commas_in_texts_are_no_values() -> None:
    texts = ["{[,]}" * 100, '\\",', '\\\\",[', "é,", '"' * 9]
    raw = json.dumps(texts, ensure_ascii=False)
    assert not jsontext.has_too_many_values(raw, 6)
    assert not jsontext.has_too_many_values(raw.encode(), 6)
    assert jsontext.has_too_many_values(raw, 5)
    # Of other encodings it is not known where texts begin: every comma counts.
    assert jsontext.has_too_many_values(raw.encode("utf-16"), 6)
