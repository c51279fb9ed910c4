"""Records to entities, and edits to records, by a description. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clients.errors import PositionExpired, RequestRefused
from gateway.clients.paging.styles import PageRequest
from gateway.entities.external import Outgoing, RecordInvalid
from gateway.integrations.kinds.rest.description import describe
from gateway.integrations.kinds.rest.instants import instant_of
from gateway.integrations.kinds.rest.positions import Mark, mark_of, position_of, request_of
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.integrations.kinds.rest.writing import RecordWriter
from gateway.providers.api.model import Credential
from tests.services.for_each import for_each

API: Mapping[str, Any] = {
    "base_url": "https://things.example.com",
    "credential": {"kind": "bearer"},
    "resources": {
        "things": {
            "path": "/things",
            "records": "data",
            "id": "id",
            "paging": {"style": "single"},
            "deletions": "flag",
            "deleted": "status == 'gone'",
            "updated_at": "changed",
            "writes": {
                "create": {"method": "POST", "path": "/things"},
                "update": {"method": "PATCH", "path": "/things/{id}"},
            },
        }
    },
}
ENTITY: Mapping[str, Any] = {
    "name": "join(' ', [first, last])",
    "fields": {
        "first": {"from": "first", "to": "first", "type": "text", "required": True},
        "last": {"from": "last", "to": "last"},
        "height": {"from": "sizes.height", "to": "sizes.height", "type": "number", "write": "to_string(value)"},
        "is_new": {"from": "flags.new", "to": "flags.new", "values": [[True, "yes"], [False, "no"]]},
        "born": {"from": "born", "type": "day"},
        "seen": {"from": "seen", "type": "instant"},
        "tags": "tags[].name",
    },
    "state": {"from": "status", "values": {"on": "active"}, "at": "since"},
    "parent": "owner.id",
    "zone": "Europe/Berlin",
    "create": {"meta.key": "key", "meta.kind": "'thing'"},
}
RAW: Mapping[str, Any] = {
    "id": 7,
    "first": "Ada",
    "last": "Lovelace",
    "sizes": {"height": "171.0"},
    "flags": {"new": True},
    "born": "1815-12-10",
    "seen": "2026-07-01T12:00:00",
    "tags": [{"name": "a"}, {"name": "b"}],
    "status": "on",
    "since": 1_767_225_600,
    "owner": {"id": 3},
    "changed": "2026-07-01T12:00:00Z",
    "further": {"kept": 1},
}


def reader(**entity: Any) -> RecordReader:
    system = describe({"api": API, "entities": {"things": {**ENTITY, **entity}}})
    return RecordReader(system.entities["things"], system.api.resources["things"])


def writer() -> RecordWriter:
    return RecordWriter(describe({"api": API, "entities": {"things": ENTITY}}).entities["things"])


def outgoing(**fields: Any) -> Outgoing:
    return Outgoing(
        kind="thing",
        integration_id="7",
        name="Ada",
        fields=fields,
        attributes={"first": "Ada", "height": 170} | fields,
        version=None,
        idempotency_key="k1",
    )


def test_a_record_is_mapped_with_its_types() -> None:
    mapped = reader().read(RAW)
    assert (mapped.integration_id, mapped.name, mapped.state, mapped.parent) == ("7", "Ada Lovelace", "active", "3")
    assert mapped.state_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (
        mapped.attributes
        == {
            "first": "Ada",
            "last": "Lovelace",
            "height": 171,
            "is_new": "yes",
            "born": "1815-12-10",
            "seen": "2026-07-01T10:00:00Z",
            "tags": ["a", "b"],
            "sizes": {"height": "171.0"},
            "flags": {"new": True},
            "owner": {"id": 3},
            "further": {"kept": 1},
        }
        | {}
    )


def test_members_that_stand_for_something_are_no_further_fields_and_others_can_be_dropped() -> None:
    kept = reader().read(RAW).attributes
    assert not {"id", "changed", "status", "since"} & kept.keys()
    assert "further" not in reader(others="drop").read(RAW).attributes
    inside = reader(others="keep", within="flags", fields={"first": "first"}, name="first").read(RAW)
    assert inside.attributes == {"first": "Ada", "new": True}


def test_absent_is_not_null() -> None:
    absent = {name: value for name, value in RAW.items() if name != "last"}
    only = {"name": "first", "others": "drop"}
    assert "last" not in reader(**only).read(absent).attributes
    assert reader(**only).read({**RAW, "last": None}).attributes["last"] is None


def test_everything_that_is_wrong_is_said_by_its_place_and_without_the_value() -> None:
    with pytest.raises(RecordInvalid) as raised:
        reader().read({**RAW, "first": None, "sizes": {"height": "tall"}, "born": "once", "last": 3, "since": "then"})
    assert {fault.field for fault in raised.value.faults} == {
        "first",
        "sizes.height",
        "born",
        "join(' ', [first, last])",
        "since",
    }
    assert not [word for word in ("tall", "once", "then") if word in str(raised.value)]


def test_a_deleted_record_needs_nothing_but_its_id() -> None:
    assert reader().read({"id": "7", "status": "gone"}).is_deleted
    with pytest.raises(RecordInvalid):
        reader().read({"status": "gone"})


READER = reader()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(RAW)), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(record=JSON, members=st.dictionaries(st.sampled_from(list(RAW)), JSON))
def test_whatever_comes_is_mapped_or_invalid(record: Any, members: dict[str, Any]) -> None:
    for raw in (record, {**RAW, **members}):
        READER.updated_at(raw)
        try:
            assert READER.read(raw).integration_id == READER.identify(raw)
        except RecordInvalid as error:
            assert error.faults  # noqa: PT017 (either is right)


def test_an_expression_that_makes_too_much_of_a_record_makes_it_invalid() -> None:
    doubled = " | ".join(["[@, @]"] * 40)
    with pytest.raises(RecordInvalid, match="too much"):
        reader(parent=doubled).read(RAW)


def test_an_update_is_written_in_the_systems_words_at_its_places() -> None:
    assert writer().changed(outgoing(is_new="no", height=171.5, born="1900-01-01")) == {
        "flags": {"new": False},
        "sizes": {"height": "171.5"},
    }
    assert writer().changed(outgoing(last=None)) == {"last": None}
    assert writer().onto({"flags": {"old": 1}, "x": 2}, outgoing(is_new="yes")) == {
        "flags": {"old": 1, "new": True},
        "x": 2,
    }


def test_a_create_sends_all_and_what_is_said_besides() -> None:
    assert writer().created(outgoing(last="Lovelace")) == {
        "first": "Ada",
        "last": "Lovelace",
        "sizes": {"height": "170"},
        "meta": {"key": "k1", "kind": "thing"},
    }


def test_what_cannot_be_written_is_refused_before_anything_is_sent() -> None:
    entity = {**ENTITY, "fields": {"a": {"from": "a", "to": "a", "write": "join(',', value)"}}, "name": "a"}
    made = RecordWriter(describe({"api": API, "entities": {"things": entity}}).entities["things"])
    with pytest.raises(RequestRefused):
        made.changed(outgoing(a=3))


BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@for_each(
    [
        ("2026-07-01T12:00:00Z", NOON),
        ("2026-07-01T14:00:00+02:00", NOON),
        ("2026-07-01T14:00:00", NOON),
        ("2026-07-01 14:00", NOON),
        ("Wed, 01 Jul 2026 12:00:00 GMT", NOON),
        (1_782_907_200, NOON),
        ("1782907200", NOON),
        (1_782_907_200_000, NOON),
        (None, None),
        (True, None),
        ("", None),
        ("soon", None),
        ("0001-01-01T00:00:00Z", None),
        (1e300, None),
        ([], None),
    ],
    lambda pair: str(pair[0]),
)
def test_instants_are_read_as_systems_write_them(pair: tuple[Any, datetime | None]) -> None:
    assert instant_of(pair[0], BERLIN) == pair[1]


def test_a_position_has_no_credential_and_comes_back_as_it_was() -> None:
    by_query = Credential("query", name="key")
    request = PageRequest((("after", "3"),), "https://a.example/things?key=geheim&page=2")
    position = position_of(request, NOON, by_query)
    assert "geheim" not in str(position)
    assert request_of(position) == (PageRequest((("after", "3"),), "https://a.example/things?page=2"), NOON)
    assert mark_of(Mark(since=NOON).cursor()) == Mark(since=NOON)
    assert mark_of(Mark(mark="m").cursor()) == Mark(mark="m")


@for_each([{"query": "x"}, {"url": 3}, {"query": [["a"]]}, {"newest": "then"}], str)
def test_a_position_that_cannot_be_read_has_expired(position: dict[str, Any]) -> None:
    with pytest.raises(PositionExpired):
        request_of(position)
