"""What holds for each resource of each integration type: the port's promises, asked of a local system.

A test file of a type makes a fixture `case` (a `TypeCase`) and a class that inherits `TypeContract`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.clients.errors import IntegrationError, PositionExpired, RemoteConflict
from gateway.entities.external import Cursor, Mapped, Outgoing, Position, Raw, RecordInvalid, RemotePage
from tests.services.integration_types import ResourceCase, TypeCase

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    "",
    "x" * 10_000,
    "\x00",
    [],
    {},
    [[]],
    {"a": {"b": 1}},
    "2026-13-45",
)


def through_json(value: Any) -> Any:
    """As another process would have it."""
    return json.loads(json.dumps(value))


class TypeContract:
    """The tests. `case` is the subclass's fixture."""

    def test_what_it_asks_for_is_judged_without_the_system(self, case: TypeCase) -> None:
        kind = case.kind
        assert kind.validate_configuration(case.instance.configuration, case.instance.secrets, plain_http=True) == []

    def test_a_look_says_what_it_saw(self, case: TypeCase) -> None:
        assert case.kind.test_connection(case.instance).message

    def test_a_reading_can_be_gone_on_with_from_each_of_its_positions(self, case: TypeCase) -> None:
        for name, one in case.resources.items():
            if one.touch is not None:
                # What changed last is on one of the first pages, and every position has to know of it.
                one.touch()
            whole = list(one.resource.pages(None, None))
            ids = [ids_of(one, page) for page in whole]
            assert len(whole) >= one.pages, f"{name}: the test system has too few pages"
            assert whole[-1].next is None
            for number, page in enumerate(whole[:-1]):
                assert page.next is not None
                rest = list(one.resource.pages(None, through_json(page.next)))
                assert [ids_of(one, left) for left in rest] == ids[number + 1 :], f"{name}, after page {number}"
                assert rest[-1].cursor == whole[-1].cursor

    def test_a_whole_reading_has_each_record_once(self, case: TypeCase) -> None:
        for one in case.resources.values():
            ids = [one_id for page in one.resource.pages(None, None) for one_id in ids_of(one, page)]
            assert len(ids) == len(set(ids)) > 0

    def test_what_changed_is_read_from_the_cursor_on(self, case: TypeCase) -> None:
        for name, one in case.resources.items():
            cursor = cursor_after(one.resource.pages(None, None))
            assert (cursor is not None) is one.resource.abilities.is_incremental, name
            if cursor is None or one.touch is None:
                continue
            touched = one.touch()
            pages = list(one.resource.pages(through_json(cursor), None))
            found = [one_id for page in pages for one_id in [*ids_of(one, page), *page.deleted]]
            assert touched in found, f"{name}: {touched} changed, and {found} came"
            assert len(found) < sum(len(page.records) for page in one.resource.pages(None, None)), f"{name}: everything"
            assert cursor_after(pages) is not None

    def test_what_is_no_cursor_of_it_has_expired(self, case: TypeCase) -> None:
        for one in case.resources.values():
            if one.resource.abilities.is_incremental:
                with pytest.raises(PositionExpired):
                    list(one.resource.pages({"since": "whenever"}, None))

    def test_records_are_looked_up_by_their_ids(self, case: TypeCase) -> None:
        for one in case.resources.values():
            if not one.resource.abilities.looks_up:
                continue
            known = ids_of(one, next(one.resource.pages(None, None)))[0]
            found = one.resource.look_up([known, "999999999"])
            assert found["999999999"] is None
            raw = found[known]
            assert raw is not None
            assert one.resource.map(raw).integration_id == known

    def test_reading_a_record_is_pure(self, case: TypeCase) -> None:
        for one in case.resources.values():
            for raw in next(one.resource.pages(None, None)).records:
                before = copy.deepcopy(raw)
                mapped = one.resource.map(raw)
                assert one.resource.map(raw) == mapped
                assert raw == before
                assert one.resource.identify(raw) == mapped.integration_id
                json.dumps(dict(mapped.attributes))

    def test_a_record_that_cannot_be_read_is_invalid_and_nothing_else(self, case: TypeCase) -> None:
        chance = random.Random(7)
        for one in case.resources.values():
            records = next(one.resource.pages(None, None)).records
            for odd in (*ODD_VALUES, *one.broken):
                mapped_or_invalid(one.resource.map, odd)
            for _ in range(300):
                raw = copy.deepcopy(chance.choice(list(records)))
                spoil(raw, chance)
                one.resource.identify(raw)
                mapped_or_invalid(one.resource.map, raw)
            for raw in one.broken:
                with pytest.raises(RecordInvalid) as raised:
                    one.resource.map(raw)
                assert raised.value.faults

    def test_writes_do_what_the_resource_says(self, case: TypeCase) -> None:
        for name, one in case.resources.items():
            writes = one.resource.abilities.writes
            assert not ({"create", "update"} & writes) or one.create or one.edit, f"{name}: nothing to write is given"
            if "create" in writes:
                self._creates(one)
            if "update" in writes:
                self._updates(one)
            if "delete" in writes:
                self._deletes(one)

    def test_secrets_stand_nowhere(
        self, case: TypeCase, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        told: list[object] = [case.instance, case.kind.test_connection(case.instance)]
        for one in case.resources.values():
            for page in one.resource.pages(None, None):
                told += [page.next, page.cursor]
            told += [one.resource]
        if case.refuse is not None:
            with case.refuse():
                for one in case.resources.values():
                    with pytest.raises(IntegrationError) as raised:
                        next(one.resource.pages(None, None))
                    told += [raised.value, raised.value.call, str(raised.value)]
        out = capfd.readouterr()
        text = "\n".join([*map(repr, told), caplog.text, out.out, out.err])
        for secret in case.secrets:
            assert secret not in text

    def _creates(self, one: ResourceCase) -> None:
        resource = one.resource
        asked = outgoing(one, fields=one.create, attributes=one.create, key="key-of-a-create")
        if resource.abilities.finds:
            assert resource.find(asked) is None
        made = resource.map(resource.create(asked))
        assert {name: made.attributes.get(name) for name in one.create} == dict(one.create)
        if resource.abilities.finds and (found := resource.find(asked)) is not None:
            assert resource.map(found).integration_id == made.integration_id

    def _updates(self, one: ResourceCase) -> None:
        resource = one.resource
        raw = next(iter(next(resource.pages(None, None)).records))
        before = resource.map(raw)
        asked = outgoing(one, before, fields=one.edit, attributes={**before.attributes, **one.edit})
        answer = resource.update(asked)
        now = resource.map(answer if answer is not None else one_of(one, before.integration_id))
        assert {name: now.attributes.get(name) for name in one.edit} == dict(one.edit)
        kept = {name: value for name, value in before.attributes.items() if name in resource.fields} | dict(one.edit)
        assert {name: now.attributes.get(name) for name in kept} == kept
        if resource.abilities.is_conditional:
            assert now.version != before.version
            with pytest.raises(RemoteConflict):
                resource.update(asked)

    def _deletes(self, one: ResourceCase) -> None:
        resource = one.resource
        raw = next(iter(next(resource.pages(None, None)).records))
        before = resource.map(raw)
        resource.delete(outgoing(one, before))
        found = resource.look_up([before.integration_id])[before.integration_id]
        assert found is None or resource.map(found).is_deleted
        resource.delete(replace(outgoing(one, before), version=None))


def one_of(one: ResourceCase, integration_id: str) -> Raw:
    found = one.resource.look_up([integration_id])[integration_id]
    assert found is not None
    return found


def ids_of(one: ResourceCase, page: RemotePage) -> list[str]:
    ids = [one.resource.identify(raw) for raw in page.records]
    assert None not in ids
    return [one_id for one_id in ids if one_id is not None]


def cursor_after(pages: Iterator[RemotePage] | list[RemotePage]) -> Cursor | None:
    """The last one that was told."""
    return ([page.cursor for page in pages if page.cursor is not None] or [None])[-1]


def outgoing(
    one: ResourceCase,
    of: Mapped | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    key: str = "key-of-a-write",
) -> Outgoing:
    return Outgoing(
        kind=one.resource.kind,
        integration_id=None if of is None else of.integration_id,
        name=None if of is None else of.name,
        fields=fields or {},
        attributes=attributes or {},
        version=None if of is None else of.version,
        idempotency_key=key,
    )


def mapped_or_invalid(read: Callable[[Raw], Mapped], raw: Raw) -> None:
    """Whatever else is raised is the test's failure."""
    with contextlib.suppress(RecordInvalid):
        assert read(raw).integration_id


def spoil(raw: Any, chance: random.Random) -> None:
    """One value somewhere becomes something else, or goes."""
    while isinstance(raw, dict | list) and raw:
        key = chance.choice(list(raw)) if isinstance(raw, dict) else chance.randrange(len(raw))
        inner = raw[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            raw = inner
            continue
        if chance.random() < 0.3:
            del raw[key]
        else:
            raw[key] = chance.choice(ODD_VALUES)
        return


__all__ = ["Position", "TypeContract"]
