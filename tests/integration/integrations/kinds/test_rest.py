"""The type `rest` over the contacts system of the examples, which is described as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.clients.errors import AuthenticationFailed, RemoteConflict, Unavailable
from gateway.integrations.kinds.rest.kind import RestType
from gateway.integrations.kinds.rest.resource import RestResource
from gateway.strict_yaml import load_strictly
from tests.services.examples import EXAMPLES, example
from tests.services.integration_types import ResourceCase, TypeCase, opened, running
from tests.services.type_contract import TypeContract, outgoing

EXAMPLE = EXAMPLES / "contacts"
TOKEN = "token-of-the-contacts-system"


@pytest.fixture
def contacts() -> Any:
    """250 of them, on three pages."""
    made = example("contacts/server.py").Contacts(TOKEN)
    for number in range(250):
        company = {"name": f"Company {number % 7}"} if number % 2 else None
        one = made.add(name=f"Person {number}", email=f"p{number}@example.com", company=company)
        one["updated_at"] = f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
    return made


@pytest.fixture
def case(contacts: Any, tmp_path: Path) -> Iterator[TypeCase]:
    kind = RestType()
    with running(example("contacts/server.py").server(contacts)) as url:
        configuration = {"description": load_strictly((EXAMPLE / "contacts.yaml").read_text()), "base_url": url}
        with opened(kind, configuration, {"credential": TOKEN}, tmp_path) as instance:
            resource = kind.resources(instance)[0]
            yield TypeCase(
                kind=kind,
                instance=instance,
                resources={
                    "contacts": ResourceCase(
                        resource=resource,
                        touch=lambda: touched(contacts),
                        create={"full_name": "Mary Jackson", "email": "mary@example.com", "stage": "customer"},
                        edit={"phone": "+1 555 0199", "stage": "lead"},
                        broken=(
                            {"id": "1", "email": "a@example.com"},
                            {"id": "1", "name": "A", "email": "no address"},
                            {"id": None, "name": "A", "email": "a@example.com"},
                            {"id": "x" * 10_000, "name": "A", "email": "a@example.com"},
                            {"id": "1", "name": "A", "email": "a@example.com", "updated_at": "yesterday"},
                        ),
                    )
                },
                secrets=(TOKEN,),
                refuse=lambda: refusing(contacts),
            )


def touched(contacts: Any) -> str:
    contacts.by_id["17"]["phone"] = "+1 555 0117"
    return str(contacts.touch(contacts.by_id["17"])["id"])


@contextmanager
def refusing(contacts: Any) -> Iterator[None]:
    contacts.token = "another"
    yield
    contacts.token = TOKEN


def resource_of(case: TypeCase) -> RestResource:
    resource = case.resources["contacts"].resource
    assert isinstance(resource, RestResource)
    return resource


class TestRest(TypeContract):
    """What holds for each type."""


def test_what_a_contact_says_is_mapped_as_described(case: TypeCase) -> None:
    raw = {
        "id": 7,
        "name": "Ada",
        "email": "ada@example.com",
        "phone": None,
        "company": {"name": "Engines"},
        "stage": "C",
        "etag": '"7-1"',
        "updated_at": "2026-11-27T12:00:00+02:00",
        "noise": 1,
    }
    mapped = resource_of(case).map(raw)
    assert (mapped.integration_id, mapped.name, mapped.state, mapped.version) == ("7", "Ada", "customer", '"7-1"')
    assert mapped.attributes == {
        "full_name": "Ada",
        "email": "ada@example.com",
        "phone": None,
        "company": "Engines",
        "stage": "customer",
    }
    assert mapped.updated_at is not None
    assert mapped.updated_at.isoformat() == "2026-11-27T10:00:00+00:00"


def test_an_archived_contact_is_gone_whatever_else_it_says(case: TypeCase) -> None:
    assert resource_of(case).map({"id": "7", "archived": True, "email": 3}).is_deleted


def test_an_update_sends_what_changed_in_the_systems_words(case: TypeCase, contacts: Any) -> None:
    one, resource = case.resources["contacts"], resource_of(case)
    before = resource.map(contacts.by_id["3"])
    resource.update(outgoing(one, before, fields={"stage": "customer"}, attributes={"stage": "customer"}))
    assert (contacts.by_id["3"]["stage"], contacts.by_id["3"]["name"]) == ("C", "Person 2")
    assert contacts.writes == [("PATCH", "3")]


def test_a_create_whose_answer_was_lost_is_found_by_its_key(case: TypeCase, contacts: Any) -> None:
    one, resource = case.resources["contacts"], resource_of(case)
    asked = outgoing(one, fields=one.create, attributes=one.create, key="k-17")
    contacts.add(name="Mary Jackson", email="mary@example.com", external_ref="k-17")
    found = resource.find(asked)
    assert found is not None
    assert found["id"] == "251"
    contacts.add(name="Another", email="a@example.com", external_ref="k-17")
    with pytest.raises(RemoteConflict):
        resource.find(asked)


def test_a_system_that_binds_no_write_is_looked_at_right_before(case: TypeCase, contacts: Any) -> None:
    one = case.resources["contacts"]
    description = json.loads(json.dumps(case.instance.configuration["description"]))
    del description["api"]["resources"]["contacts"]["concurrency"]
    description["entities"]["contacts"]["version"] = "version"
    changed = {**case.instance.configuration, "description": description}
    [resource] = case.kind.resources(replace(case.instance, configuration=changed))
    assert resource.abilities.is_conditional
    before = resource.map(contacts.by_id["3"])
    contacts.touch(contacts.by_id["3"])
    for write in (resource.update, resource.delete):
        with pytest.raises(RemoteConflict):
            write(outgoing(one, before, fields={"phone": "1"}, attributes={"phone": "1"}))
    assert contacts.writes == []


def test_a_list_that_does_not_know_the_parameter_gives_nobody_elses_record(case: TypeCase, contacts: Any) -> None:
    one = case.resources["contacts"]
    description = case.instance.configuration["description"]
    entity = {**description["entities"]["contacts"], "find": {"record": "external_ref", "parameter": "no_such"}}
    changed = {**case.instance.configuration, "description": {**description, "entities": {"contacts": entity}}}
    [resource] = case.kind.resources(replace(case.instance, configuration=changed))
    asked = outgoing(one, fields=one.create, attributes=one.create, key="k-17")
    assert resource.find(asked) is None
    made = contacts.add(name="Mary Jackson", email="mary@example.com", external_ref="k-17")
    assert resource.find(asked) == made


def test_the_systems_own_words_say_what_went_wrong(case: TypeCase, contacts: Any) -> None:
    resource = resource_of(case)
    contacts.left_outages = 100
    with pytest.raises(Unavailable):
        next(resource.pages(None, None))
    contacts.left_outages = 0
    with refusing(contacts), pytest.raises(AuthenticationFailed):
        next(resource.pages(None, None))


def test_a_test_says_how_the_records_read(case: TypeCase, contacts: Any) -> None:
    assert case.kind.test_connection(case.instance).message == "contacts: 100 on the first page, and more"
    contacts.by_id["5"]["email"] = "no address"
    said = case.kind.test_connection(case.instance).message
    assert "1 of them are not what the description says (email: " in said
    assert "no address" not in said


def test_a_date_far_ahead_does_not_hide_later_changes(case: TypeCase, contacts: Any) -> None:
    contacts.by_id["9"]["updated_at"] = "2099-01-01T00:00:00Z"
    cursor = list(resource_of(case).pages(None, None))[-1].cursor
    assert cursor is not None
    assert not json.dumps(cursor).startswith('{"since": "2099')
