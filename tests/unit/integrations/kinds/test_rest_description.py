"""What is said of descriptions of systems that cannot be used, and what is taken as given where nothing is said."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.entities.external import Direction, Policy
from gateway.integrations.kinds.rest.abilities import abilities_of
from gateway.integrations.kinds.rest.description import DescriptionInvalid, describe, singular
from gateway.integrations.kinds.rest.writing import rules_of
from gateway.providers import catalogue
from tests.services.for_each import for_each

LIST: Mapping[str, Any] = {
    "path": "/things",
    "records": "data",
    "id": "id",
    "paging": {"style": "page", "size": 50, "size_parameter": "limit"},
    "one": "/things/{id}",
    "writes": {
        "create": {"method": "POST", "path": "/things"},
        "update": {"method": "PATCH", "path": "/things/{id}"},
    },
    "concurrency": {"version": "etag", "header": "If-Match"},
}
SYSTEM: Mapping[str, Any] = {
    "api": {
        "base_url": "https://things.example.com",
        "credential": {"kind": "bearer"},
        "resources": {"things": LIST},
    },
    "entities": {"things": {"fields": {"colour": {"from": "colour", "to": "colour"}, "size": "size.cm"}}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The system with `value` at `path`; None takes away what is there."""
    system = copy.deepcopy(dict(SYSTEM))
    place: Any = system
    *way, last = path.split("/")
    for step in way:
        place = place.setdefault(step, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return system


def test_what_is_not_said_is_taken_from_the_list() -> None:
    system = describe(SYSTEM)
    entity, resource = system.entities["things"], system.api.resources["things"]
    assert (entity.kind, entity.version, entity.others) == ("thing", "etag", True)
    rules = rules_of(entity, resource)
    assert (rules["colour"].direction, rules["size"].direction) == (Direction.BOTH, Direction.PULL)
    abilities = abilities_of(entity, resource)
    assert abilities.writes == {"create", "update"}
    assert (abilities.shifts, abilities.looks_up, abilities.is_conditional) == (True, True, True)
    assert (abilities.finds, abilities.is_incremental) == (False, False)
    found = describe(changed("entities/things/find", {"record": "ref", "parameter": "ref"}))
    assert abilities_of(found.entities["things"], resource).finds
    unbound = describe(changed("api/resources/things/concurrency", None))
    assert not abilities_of(unbound.entities["things"], unbound.api.resources["things"]).is_conditional


def test_a_system_in_yaml_is_the_same() -> None:
    listed = "{path: /a, records: '@', id: id, paging: {style: single}}"
    text = f"api: {{base_url: 'https://a.example', credential: {{kind: none}}, resources: {{a: {listed}}}}}"
    assert list(describe(text).entities) == ["a"]


def test_lists_of_the_catalogue_are_taken_as_they_stand() -> None:
    hubspot = catalogue()["hubspot"].api
    assert set(describe(None, api=hubspot).entities) == {"contacts", "companies"}
    chosen = describe({"entities": {"contacts": {"kind": "person"}}}, api=hubspot, chosen=["companies", "contacts"])
    assert {name: one.kind for name, one in chosen.entities.items()} == {"companies": "company", "contacts": "person"}


FAULTS: Mapping[str, tuple[dict[str, Any], str]] = {
    "no api": (changed("api", None), "api: says how"),
    "a base URL without TLS": (changed("api/base_url", "http://things.example.com"), "api.base_url: begins with https"),
    "an unknown list": (changed("entities/thinks", {}), "there is no list 'thinks'"),
    "an unknown key": (changed("entities/things/feilds", {}), "Did you mean `fields`"),
    "a broken path": (changed("entities/things/parent", "a["), "entities.things.parent: 'a[' is no JMESPath"),
    "an unknown function": (changed("entities/things/parent", "upper(a)"), "calls upper(), and there is no such"),
    "a function of events": (changed("entities/things/parent", "event_type()"), "calls event_type()"),
    "wrong arguments": (changed("entities/things/parent", "join(a)"), "calls join() with 1"),
    "a type": (
        changed("entities/things/fields/size", {"from": "a", "type": "colour"}),
        "fields.size.type: Must be one",
    ),
    "a zone": (changed("entities/things/zone", "Berlin"), "entities.things.zone: 'Berlin' is no time zone"),
    "neither from nor to": (changed("entities/things/fields/size", {}), "neither read (`from`) nor written (`to`)"),
    "both ways without to": (
        changed("entities/things/fields/size", {"from": "a", "direction": "both"}),
        "has the direction both, and no `to`",
    ),
    "no writes": (changed("api/resources/things/writes", None), "concurrency: there is no write"),
    "one place for two fields": (
        changed("entities/things/fields/size", {"from": "size", "to": "colour"}),
        "2 of them are written to colour",
    ),
    "one word for two": (
        changed("entities/things/fields/size", {"from": "s", "to": "s", "values": {"a": "x", "b": "x"}}),
        "one word of ours for two",
    ),
    "words that are none": (
        changed("entities/things/fields/size", {"from": "s", "values": [["a", ["b"]]]}),
        "fields.size.values: has words only",
    ),
    "priority of nobody": (
        changed("entities/things/fields/size", {"from": "s", "to": "s", "policy": "priority"}),
        "`preferred` goes with the policy priority",
    ),
    "two names for an id": (
        changed("api/resources/things/one", "/owners/{owner}/things/{id}"),
        "one is at /owners/{owner}/things/{id}: all names but that",
    ),
    "a parameter of nothing": (changed("entities/things/parameters", {"owner": "a"}), "owner stands in no path"),
    "a list without its parameter": (
        changed("api/resources/things/path", "/owners/{owner}/things"),
        "the list is at /owners/{owner}/things: owner is missing",
    ),
}


@for_each(FAULTS.items(), lambda item: item[0])
def test_what_is_wrong_is_said_with_its_place(item: tuple[str, tuple[dict[str, Any], str]]) -> None:
    _, (system, said) = item
    with pytest.raises(DescriptionInvalid) as raised:
        describe(system)
    assert said in str(raised.value)


def test_what_is_no_description_is_told() -> None:
    for text in ("a: [", "[]", "3", "x" * 300_000):
        with pytest.raises(DescriptionInvalid):
            describe(text)


def test_policies_of_fields_are_kept() -> None:
    field = {"from": "s", "to": "s", "policy": "priority", "preferred": "local", "list_key": "id"}
    system = describe(changed("entities/things/fields/size", field))
    rule = rules_of(system.entities["things"], system.api.resources["things"])["size"]
    assert (rule.policy, rule.preferred, rule.list_key) == (Policy.PRIORITY, "local", "id")


@for_each(
    [
        ("contacts", "contact"),
        ("companies", "company"),
        ("addresses", "address"),
        ("boxes", "box"),
        ("Pull-Requests", "pull_request"),
        ("series", "sery"),
        ("glass", "glass"),
    ],
    lambda pair: pair[0],
)
def test_one_of_a_list_is_called_by_its_singular(pair: tuple[str, str]) -> None:
    assert singular(pair[0]) == pair[1]
