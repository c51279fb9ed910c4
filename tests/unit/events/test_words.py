"""Words of bodies, and the filter that says where they may be."""

from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from gateway.events.blocks.word_filter import SEGMENT_BYTES, filter_of, place_of
from gateway.events.blocks.words import LONGEST_WORD, MOST_WORDS, words_in, words_of
from tests.services.for_each import for_each

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


READ = {
    "json": (JSON, b'{"order":"A-1042","ok":true}', {b"order", b"a", b"1042", b"ok", b"true"}),
    "line breaks": (JSON, rb'{"a":"one\ntwo\tthree"}', {b"a", b"one", b"two", b"three"}),
    "escapes": (JSON, rb'"caf\u00e9 \ud83d\ude00x"', {"café".encode(), "😀x".encode()}),
    "upper case beyond ascii": (JSON, "ÄRGER".encode(), {"ärger".encode()}),
    "a form": (FORM, b"name=Ann%20Lee&n=1+2", {b"name", b"ann", b"lee", b"n", b"1", b"2"}),
    "gzip": (JSON, gzip.compress(b'{"deep":1}'), {b"deep", b"1"}),
    "broken gzip": (JSON, b"\x1f\x8bnothing", set()),
    "not utf-8": (None, b"plain \xff\xfe text", {b"plain", "\ufffd\ufffd".encode(), b"text"}),
    "nothing": (JSON, b"", set()),
    "a long one": (None, b"x" * 200, {b"x" * LONGEST_WORD}),
}


@for_each(READ, name=str)
def test_words_are_read_as_a_person_reads_them(name: str) -> None:
    content_type, body, expected = READ[name]
    assert words_of(content_type, body) == expected


def test_a_body_of_words_alone_is_bounded() -> None:
    assert len(words_of(None, b" ".join(b"%d" % number for number in range(MOST_WORDS * 2)))) == MOST_WORDS


@given(st.text(max_size=40))
def test_what_is_looked_for_is_cut_as_what_is_kept(text: str) -> None:
    assert words_in(text) == words_of("text/plain", text.encode("utf-8", "replace"))


def test_a_filter_has_each_word_of_its_tenant_and_hardly_another() -> None:
    words = {f"ten_{n}": {b"%d-%d" % (n, number) for number in range(4_000)} for n in range(2)}
    held = filter_of(words)
    segments = len(held) // SEGMENT_BYTES

    def may_hold(tenant: str, word: bytes) -> bool:
        place = place_of(tenant, word)
        start = place.number % segments * SEGMENT_BYTES
        return place.may_hold(held[start : start + SEGMENT_BYTES])

    assert all(may_hold(tenant, word) for tenant, found in words.items() for word in found)
    wrong = sum(may_hold("ten_0", word) for word in words["ten_1"])
    assert wrong < 40
    assert len(held) * 8 < 21 * 8_000


def test_a_filter_of_nothing_holds_nothing() -> None:
    assert not place_of("ten_0", b"word").may_hold(filter_of({}))
