"""No operation of the API leads to another tenant: the OpenAPI document is walked, with all that another one has.

What a part of a path, a parameter of a query or a field of a body speaks of is told by its name. A name that this
module does not know fails the walk until it is entered here: no operation is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from gateway.tenants.api_keys.scopes import Scope
from tests.integration.api.conftest import PREFIX, ApiUnderTest, code
from tests.services.acting import add_tenant
from tests.services.furnished import Furnished, furnish
from tests.services.owned_rows import owned_tables

METHODS = ("get", "put", "post", "patch", "delete")
# Parts of paths that no tenant owns.
OF_NOBODY = {"provider": "github", "type_id": "home_assistant"}
# Tables in which there is something of theirs to be told or changed.
FURNISHED = ("sources", "events", "audit_entries", "api_keys", "integrations", "entities", "conflicts", "sync_runs")
FURNISHED += ("quarantine",)
# What else is called what it is elsewhere.
ALIASES = {"to": "destination", "slug": "source", "app_credentials": "app"}
ALIASES |= {"reference": "connection", "reconnect": "connection"}
# Parameters of queries and fields of bodies by which nobody finds a thing that somebody has.
PLAIN_QUERY = {"limit", "cursor", "since", "until", "status", "state", "type", "reason", "actor", "action", "category"}
PLAIN_QUERY |= {"kind", "plan", "provider", "prune", "allow_empty", "local", "mode", "deleted", "unsent", "is_plan"}
PLAIN_QUERY |= {"resource", "attribute"}
WORDS = {"q", "object", "name", "vendor_id", "header", "where"}
# Fields of examples that name a thing without which nothing is done.
NEEDED = {"app_credentials": "app", "integration": "integration"}
NOWHERE = "http://127.0.0.1:9"
STREAM = "text/event-stream"
# A part that is nobody's: what comes behind it is another system's.
ANYTHING = "{path}"
# Answers that say that a request was understood, whatever became of it.
UNDERSTOOD = {200, 201, 202, 204, 409, 502, 503}


@dataclass(frozen=True)
class Operation:
    """One of the document's."""

    method: str
    path: str
    said: Mapping[str, Any]
    fields: tuple[str, ...]

    @property
    def id(self) -> str:
        return str(self.said["operationId"])

    @property
    def part(self) -> str | None:
        """The name of the part of its path that stands for a thing."""
        names = re.findall(r"{(\w+)}", self.path.removesuffix(ANYTHING))
        assert len(names) <= 1, f"{self.id}: which of {names} is whose?"
        return names[0] if names else None

    @property
    def query(self) -> list[str]:
        return [one["name"] for one in self.said["parameters"] if one["in"] == "query"]

    @property
    def example(self) -> dict[str, Any]:
        content = self.said.get("requestBody", {}).get("content", {}).get("application/json", {})
        return dict(content.get("example", {}))

    @property
    def is_list(self) -> bool:
        return "cursor" in self.query

    @property
    def is_the_end(self) -> bool:
        """Whether the thing that its path names is no more of use afterwards."""
        is_deleted = self.method == "DELETE" and not self.path.endswith(ANYTHING)
        return is_deleted or self.path.endswith(("/revoke", "}/forget", "/deactivate"))

    @property
    def is_for_operators(self) -> bool:
        return Scope.OPERATOR in self.said["x-scope"]

    def at(self, thing: str = "") -> str:
        path = self.path.replace(ANYTHING, "anything")
        return path.replace(f"{{{self.part}}}", thing) if self.part else path


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in METHODS:
            said = methods.get(method)
            if said is not None:
                content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                fields = tuple(schemas.get(name, {}).get("properties", {}))
                yield Operation(method.upper(), path.removeprefix(PREFIX), said, fields)


class Walk:
    """Somebody of one tenant, who knows all that another has."""

    def __init__(self, api: ApiUnderTest) -> None:
        self.api = api
        api.installation.settings = replace(api.installation.settings, base_url=NOWHERE)
        add_tenant(api.database, api.clock, "rival")
        self.theirs = furnish(api.installation, "rival", "rival")
        self.spare = furnish(api.installation, "rival", "spare")
        self.ours = furnish(api.installation, "default", "ours")
        self.their_key = api.make_key("rival-walker", tenant="rival")
        self.sent: list[Any] = []
        document = api.get("/openapi.json").get_json()
        self.operations = list(operations(document))
        for operation in self.operations:
            if not operation.is_for_operators and operation.part not in {None, *OF_NOBODY, *self.theirs.things}:
                for furnished in (self.theirs, self.spare, self.ours):
                    self._make(operation, furnished)

    def ask(self, operation: Operation, path: str, *, key: str | None = None, **request: Any) -> TestResponse:
        headers = request.pop("headers", {}) | {"If-Match": "*"}
        if operation.method != "GET":
            request.setdefault("json", operation.example)
        return self.api.ask(operation.method, path, key=key, headers=headers, **request)

    def _make(self, operation: Operation, furnished: Furnished) -> None:
        """What is asked for, made as the document says: of kinds that `furnish` does not know."""
        part, collection = str(operation.part), operation.path.partition("/{")[0]
        [post] = [one for one in self.operations if (one.method, one.path) == ("POST", collection)]
        key = None if furnished is self.ours else self.their_key
        made = self.ask(post, collection, key=key, json=_renamed(part, post.example, furnished.things))
        assert made.status_code == 201, f"{operation.id}: give tenants a {part} in furnished.py: {made.get_json()}"
        furnished.things[part] = (made.get_json()["id"],)

    def require_silence(self, operation: Operation, answer: TestResponse, *sent: object) -> None:
        """Nothing of theirs is told, but what was said to begin with."""
        if answer.mimetype == STREAM:
            # Without an end; `test_stream` reads what is in it.
            answer.close()
            return
        text, said = answer.get_data(as_text=True) + str(answer.headers), json.dumps(sent)
        told = [one for one in self.forbidden() if one in text and one not in said]
        assert told == [], f"{operation.id} told of {told}: {text[:500]}"

    def forbidden(self) -> Iterator[str]:
        for furnished in (self.theirs, self.spare):
            yield from (name for names in furnished.things.values() for name in names)
            yield from furnished.secrets
            yield furnished.word
        yield from ("ten_rival", '"rival"')

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of theirs, but for when a key was last used."""
        found = {}
        with self.api.database.read() as connection:
            for table in owned_tables():
                rows = connection.execute(select(table).where(table.c.tenant_id == "ten_rival")).mappings()
                shown = [{name: one[name] for name in one if name != "last_used_at"} for one in rows]
                found[table.name] = sorted(shown, key=repr)
        return found

    def kind_of(self, name: str) -> str:
        return ALIASES.get(name, name)


def place(furnished: Furnished, operation: Operation) -> str:
    """Its path, with what is theirs in it."""
    return operation.at(targets(furnished, operation)[0]) if operation.part else operation.path


def targets(furnished: Furnished, operation: Operation) -> tuple[str, ...]:
    """What stands for the part of the path."""
    part = str(operation.part)
    return (OF_NOBODY[part],) if part in OF_NOBODY else furnished.things[part]


def test_no_operation_leads_to_another_tenant(api: ApiUnderTest) -> None:
    walk = Walk(api)
    assert len(walk.operations) >= 40
    own = [one for one in walk.operations if not one.is_for_operators]
    # What ends an integration ends what it left: last, and deleting it after taking it down.
    for operation in sorted(own, key=lambda one: (_ends_an_integration(one), one.method == "DELETE")):
        _is_aimed_well(walk, operation)
    before = walk.rows()
    assert [name for name in FURNISHED if not before[name]] == []
    for operation in walk.operations:
        if operation.is_for_operators:
            _is_closed(walk, operation)
    # Bodies last: they make things of ours that are called as theirs are.
    for attempt in (_by_path, _by_query, _by_mark, _by_header, _by_body):
        # A manifest first, while nothing of ours is called so.
        for operation in sorted(own, key=lambda one: one.method != "PUT"):
            attempt(walk, operation)
            if operation.method != "GET":
                assert walk.rows() == before, f"{operation.id} changed what another tenant has"


def _ends_an_integration(operation: Operation) -> bool:
    return operation.part == "integration" and operation.is_the_end


def _is_aimed_well(walk: Walk, operation: Operation) -> None:
    """They themselves do it, with their own things: what is tried later would work if it could."""
    things = walk.spare if operation.is_the_end else walk.theirs
    path = place(things, operation)
    marked = {"Idempotency-Key": operation.id} if operation.method == "POST" else {}
    query = {"limit": 1} if operation.is_list else {}
    body = operation.example
    # What of an example has to be there.
    body |= {name: walk.theirs.things[kind][-1] for name, kind in NEEDED.items() if isinstance(body.get(name), str)}
    if "configuration" in body:
        body["configuration"] = {"base_url": NOWHERE}
    sent = {} if operation.method == "GET" else {"json": body}
    answer = walk.ask(operation, path, key=walk.their_key, headers=marked, query_string=query, **sent)
    if answer.mimetype == STREAM:
        answer.close()
        return
    # Samples and tests are sent where nothing listens.
    is_sent = "nothing answers at" in answer.get_data(as_text=True)
    assert is_sent or answer.status_code in UNDERSTOOD, f"{operation.id}: {answer.get_data(as_text=True)}"


def _is_closed(walk: Walk, operation: Operation) -> None:
    answer = walk.ask(operation, operation.at("rival"))
    assert code(answer) == (403, "scope_missing"), operation.id


def _by_path(walk: Walk, operation: Operation) -> None:
    if operation.part is None or operation.part in OF_NOBODY:
        return
    for name in targets(walk.theirs, operation):
        answer = walk.ask(operation, operation.at(name))
        assert code(answer) == (404, "not_found"), f"{operation.id} by {name}: {answer.get_data(as_text=True)}"
        walk.require_silence(operation, answer, name)


def _by_query(walk: Walk, operation: Operation) -> None:
    things = walk.theirs.things
    for parameter in operation.query:
        kind = walk.kind_of(parameter)
        assert kind in things or parameter in PLAIN_QUERY | WORDS, f"{operation.id}: what is ?{parameter}= about?"
        values = things.get(kind, ())
        if parameter in WORDS:
            values = (walk.theirs.word, *things["source"])
        for value in values:
            answer = walk.ask(operation, place(walk.ours, operation), query_string={parameter: value})
            assert answer.status_code in {200, 404, 422}, (operation.id, parameter)
            assert answer.status_code != 200 or answer.mimetype == STREAM or answer.get_json()["data"] == [], (
                operation.id,
                parameter,
            )
            walk.require_silence(operation, answer, value)
    if operation.is_list:
        theirs = walk.ask(operation, place(walk.theirs, operation), key=walk.their_key, query_string={"limit": 1})
        cursor = theirs.get_json()["next_cursor"]
        for query in ({}, {"cursor": cursor} if cursor else {"limit": 200}):
            answer = walk.ask(operation, place(walk.ours, operation), query_string=query)
            assert answer.status_code == 200, operation.id
            walk.require_silence(operation, answer, query)


def _by_body(walk: Walk, operation: Operation) -> None:
    """With their names where a body names things; in lists of things too, as a manifest has them."""
    if not operation.fields:
        return
    path = place(walk.ours, operation)
    for body in _bodies(operation, walk.theirs.things):
        answer = walk.ask(operation, path, json=body)
        assert answer.status_code < 500 or answer.status_code in UNDERSTOOD, (operation.id, answer.data)
        walk.sent.append(body)
        walk.require_silence(operation, answer, *walk.sent)


def _bodies(operation: Operation, things: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    resource = operation.path.split("/")[1].removesuffix("s").removeprefix("api-")
    for name in operation.fields:
        kind = resource if name in {"name", "slug"} else ALIASES.get(name, name)
        for value in things.get(kind, ()):
            yield {**operation.example, name: value}
        rows = operation.example.get(name)
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            yield {**operation.example, name: [_renamed(name.removesuffix("s"), rows[0], things)]}
    if {"sources", "destinations", "routes"} <= set(operation.fields):
        renamed = {
            name: [_renamed(name.removesuffix("s"), operation.example[name][0], things)] for name in operation.fields
        }
        yield renamed


def _renamed(resource: str, row: Mapping[str, Any], things: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    kinds = {name: resource if name in {"name", "slug"} else ALIASES.get(name, name) for name in row}
    return {name: things[kinds[name]][-1] if kinds[name] in things else value for name, value in row.items()}


def _by_mark(walk: Walk, operation: Operation) -> None:
    """A mark under which they were answered is another one here."""
    if operation.method != "POST":
        return
    path = place(walk.theirs, operation)
    answer = walk.ask(operation, path, headers={"Idempotency-Key": operation.id})
    assert "Idempotency-Replayed" not in answer.headers, operation.id
    codes = ("answer_lost", "request_in_flight", "idempotency_key_reused")
    assert [one for one in codes if one in answer.get_data(as_text=True)] == [], operation.id
    walk.require_silence(operation, answer, path)


def _by_header(walk: Walk, operation: Operation) -> None:
    path = place(walk.theirs, operation)
    answer = walk.ask(operation, path, headers={"Gateway-Tenant": "rival"})
    assert code(answer) == (403, "tenant_forbidden"), operation.id
    walk.require_silence(operation, answer, path)


def test_no_operation_is_open(api: ApiUnderTest) -> None:
    """Without a key each is answered 401, and with all scopes but one of its own 403."""
    keys: dict[str, str] = {}
    for operation in operations(api.get("/openapi.json").get_json()):
        path = PREFIX + operation.at("any")
        asked = {} if operation.method == "GET" else {"json": operation.example}
        answer = api.app.test_client().open(path, method=operation.method, **asked)
        assert code(answer) == (401, "key_missing"), operation.id
        for scope in operation.said["x-scope"]:
            if scope not in keys:
                others = [one.value for one in Scope if one not in {scope, Scope.ADMIN, Scope.OPERATOR}]
                keys[scope] = api.make_key(f"no-{scope}".replace(":", "-"), *others)
            refused = api.ask(operation.method, operation.at("any"), key=keys[scope], **asked)
            assert code(refused) == (403, "scope_missing"), operation.id
