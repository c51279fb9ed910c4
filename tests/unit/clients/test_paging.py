"""Lists to their end, in every way in which systems say where the next page is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway.clients import errors
from gateway.clients.paging.reading import pages, pages_at_once
from gateway.clients.paging.styles import (
    Cursor,
    HeaderToken,
    Keyset,
    PageNumber,
    PageRequest,
    link,
    records_at,
)
from gateway.clients.values import Answer, Headers

ALL = [{"id": number} for number in range(1, 7)]
AT = records_at("records")


def answer(records: Sequence[Any], *, headers: Sequence[tuple[str, str]] = (), **more: object) -> Answer:
    return Answer(200, Headers(headers), orjson.dumps({"records": list(records)} | more))


def test_keys_and_header_tokens() -> None:
    by_key = Keyset("starting_after", more="has_more")
    token = HeaderToken("locator", "Sforce-Locator")

    assert by_key.following(
        PageRequest(), answer([{"id": "a"}, {"id": "b"}], has_more=True), [{"id": "a"}, {"id": "b"}]
    ) == (PageRequest((("starting_after", "b"),)))
    assert by_key.following(PageRequest(), answer([{"id": "a"}], has_more=False), [{"id": "a"}]) is None
    with pytest.raises(errors.ResponseInvalid):
        by_key.following(PageRequest(), answer([{}], has_more=True), [{}])
    assert token.following(PageRequest(), answer([], headers=[("sforce-locator", "MTg")]), []) == (
        PageRequest((("locator", "MTg"),))
    )
    assert token.following(PageRequest(), answer([], headers=[("sforce-locator", "null")]), []) is None


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ('<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last"', "https://a/x?page=2"),
        ('<https://a/x,y?a=1,2>; title="a, b; rel=prev"; rel=next', "https://a/x,y?a=1,2"),
        ('<https://a/1>; rel="prev next"', "https://a/1"),
        ('<https://a/1>; rel="last"', None),
        ("nonsense", None),
    ],
)
def test_link_headers_are_read_as_rfc_8288_says(value: str, url: str | None) -> None:
    assert link(value, "next") == url


def test_a_loop_is_noticed() -> None:
    with pytest.raises(errors.ProtocolFault, match="already"):
        list(pages(Cursor("c", "next"), lambda request: answer([1], next="same"), AT))


def test_a_list_without_an_end_is_given_up() -> None:
    numbers = iter(range(1000))

    with pytest.raises(errors.ProtocolFault, match="within 5 pages"):
        list(pages(Cursor("c", "next"), lambda request: answer([1], next=next(numbers)), AT, max_pages=5))
    with pytest.raises(errors.ProtocolFault, match="within 5 pages"):
        list(pages_at_once(PageNumber(size=1), lambda request: answer([1]), AT, parallel=3, max_pages=5))


@pytest.mark.parametrize("body", [b"<html>", b'"text"', b'{"records": 7}'])
def test_a_page_that_is_none_is_told(body: bytes) -> None:
    with pytest.raises(errors.ResponseInvalid):
        list(pages(PageNumber(size=1), lambda request: Answer(200, Headers(), body), AT))


def test_who_takes_slowly_is_not_run_ahead_of() -> None:
    asked: list[int] = []
    lock = threading.Lock()

    def fetch(request: PageRequest) -> Answer:
        with lock:
            asked.append(int(dict(request.query)["page"]))
        return answer([1])

    reading = pages_at_once(PageNumber(size=1), fetch, AT, parallel=3)
    for _ in range(4):
        next(reading)
    reading.close()

    assert len(asked) <= 4 + 3


def test_a_failed_page_ends_the_reading_in_its_turn() -> None:
    def fetch(request: PageRequest) -> Answer:
        if dict(request.query)["page"] == "3":
            raise errors.Unavailable("cannot now")
        return answer([int(dict(request.query)["page"])])

    reading = pages_at_once(PageNumber(size=1), fetch, AT, parallel=4)

    assert [next(reading).records, next(reading).records] == [[1], [2]]
    with pytest.raises(errors.Unavailable):
        next(reading)
