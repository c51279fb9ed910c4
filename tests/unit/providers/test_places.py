"""The notation of places and templates."""

from __future__ import annotations

import pytest

from gateway.providers.webhook.places import OptionalPart, Place, parse_place, parse_template, places_of
from tests.services.for_each import for_each_row


@for_each_row(
    ("text", "kind", "name", "path"),
    [
        ("header:X-Sig", "header", "x-sig", ()),
        ("query:hub.mode", "query", "hub.mode", ()),
        ("query", "query", "", ()),
        ("json:a.0.b", "json", "a.0.b", ("a", "0", "b")),
        ("json:", "json", "", ()),
        ("form_json:payload:a.b", "form_json", "payload", ("a", "b")),
        ("form_json:payload", "form_json", "payload", ()),
        ("json_key:a,b", "json_key", "a,b", ("a", "b")),
        ("segment:-1", "segment", "-1", ()),
        ("claim:data.id", "claim", "data.id", ("data", "id")),
        ("body", "body", "", ()),
    ],
)
def test_place(text: str, kind: str, name: str, path: tuple[str, ...]) -> None:
    place = parse_place(text)
    assert (place.kind, place.name, place.path) == (kind, name, path)


def test_filters_and_optional() -> None:
    place = parse_place("header:X-Rate?|lower|sha256|hex")
    assert place.optional
    assert place.filters == ("lower", "sha256", "hex")


@pytest.mark.parametrize("text", ["", "x y", "header:", "segment:x", "segment:", "body|nope", "what:ever", "json_key:"])
def test_not_a_place(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_place(text)


def test_template_with_literals_and_optional_parts() -> None:
    template = parse_template(r"{{x}}\[[id:{query:id};]ts:{timestamp}\]")
    assert template.parts[0] == b"{"
    optional = next(part for part in template.parts if isinstance(part, OptionalPart))
    assert optional.parts == (b"id:", Place("query:id", "query", "id"), b";")
    assert [place.kind for place in places_of(template)] == ["query", "timestamp"]
    literal = b"".join(part for part in template.parts if isinstance(part, bytes))
    assert literal == b"{x}[ts:]"
