"""No operation of the API reaches another tenant's things: walked through the document, whatever is in it.

Two tenants have everything once, with the same names. One asks for the other's by id, by filter, by cursor and by mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.clock import from_us
from gateway.delivery.models import DeliveryState
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.api.conftest import ApiUnderTest
from tests.services.acting import add_tenant
from tests.services.rows import store_event, store_rejection

OURS, THEIRS = "default", "acme"
# Parts of paths that name nothing of a tenant's.
NOBODYS = {"provider"}
# Only for who may act for every tenant: a key of one is refused before anything is looked for.
OPERATORS = {"tenant"}
# Beside the ids, a key of the other tenant.
KEY = "its key"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def theirs(api: ApiUnderTest) -> dict[str, str]:
    """Ids of what the other tenant has, by the name of the part of a path that they stand in."""
    tenant_id = add_tenant(api.database, api.clock, THEIRS)
    key = api.make_key("theirs", tenant=THEIRS)
    at = from_us(api.clock.now_us())
    found = {}
    for owner, owner_id, used in ((OURS, DEFAULT_TENANT_ID, api.key), (THEIRS, tenant_id, key)):
        destination = api.post("/destinations", {"name": "app", "url": "http://127.0.0.1:9/"}, key=used).get_json()
        event = store_event(
            api.database,
            at,
            body=f'{{"whose": "{owner}"}}'.encode(),
            states=[DeliveryState.DEAD],
            destination_id=destination["id"],
            tenant_id=owner_id,
        )
        found = {
            "source": api.add_source(key=used).get_json()["id"],
            "destination": destination["id"],
            "event": event,
            "delivery": api.get("/deliveries", key=used).get_json()["data"][0]["id"],
            "rejection": store_rejection(api.database, at, tenant_id=owner_id),
            "key": api.get("/me", key=used).get_json()["key"]["id"],
            "tenant": THEIRS,
        }
        route = {"name": "all", "source": "github", "destination": "app"}
        if "/api/v1/routes" in document(api)["paths"]:
            found["route"] = api.post("/routes", route, key=used).get_json()["id"]
        found["entry"] = api.get("/audit", key=used).get_json()["data"][0]["id"]
    return found | {KEY: key}


def document(api: ApiUnderTest) -> dict[str, Any]:
    found: dict[str, Any] = api.app.test_client().get("/api/v1/openapi.json").get_json()
    return found


def operations(api: ApiUnderTest) -> Iterator[tuple[str, str, list[str], dict[str, Any]]]:
    """Method, path below the prefix, the names of its parts, and what the document says."""
    for path, methods in document(api)["paths"].items():
        for method, one in methods.items():
            if method in METHODS:
                parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
                yield method.upper(), path.removeprefix("/api/v1"), parts, one


def example_of(one: dict[str, Any]) -> object:
    content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content.get("example")


def test_nothing_of_theirs_is_reached_by_its_id(api: ApiUnderTest, theirs: dict[str, str]) -> None:
    before = everything(api, theirs)
    tried = 0
    for method, path, parts, one in operations(api):
        if not parts or set(parts) & NOBODYS:
            continue
        # Whoever adds a resource says here what the other tenant has of it.
        assert set(parts) <= theirs.keys(), f"{method} {path}: nothing is known of {parts}"
        url = path.format_map(theirs)
        body = example_of(one)
        headers = {"If-Match": "*"} if method in {"PATCH", "PUT", "DELETE"} else {}
        answer = api.ask(method, url, headers=headers, **({} if body is None else {"json": body}))
        expected = {403} if set(parts) & OPERATORS else {404}
        assert answer.status_code in expected, f"{method} {url}: {answer.status_code} {answer.data[:300]!r}"
        assert THEIRS not in answer.get_data(as_text=True).replace(url, "") or set(parts) & OPERATORS
        tried += 1
    assert tried >= 20
    assert everything(api, theirs) == before


def test_nothing_of_theirs_is_in_a_list(api: ApiUnderTest, theirs: dict[str, str]) -> None:
    names = theirs.keys() - {"tenant", KEY}
    for method, path, parts, one in operations(api):
        if method != "GET" or parts or set(one["x-scope"]) & {"operator"}:
            continue
        for query in ("", *(f"?{parameter}={value}" for parameter, value in filters(one, theirs))):
            answer = api.get(path + query)
            if answer.mimetype == "application/json":
                text = answer.get_data(as_text=True)
                for name in names:
                    assert theirs[name] not in text or theirs[name] in query, f"{path}{query} shows the other's {name}"


def filters(one: dict[str, Any], theirs: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The parameters of a list that name a thing, each with the other tenant's."""
    for parameter in one.get("parameters", []):
        if parameter["in"] == "query" and parameter["name"] in theirs:
            yield parameter["name"], theirs[parameter["name"]]


def test_their_cursor_goes_on_in_ours_alone(api: ApiUnderTest, theirs: dict[str, str]) -> None:
    other = api.make_key("pager", tenant=THEIRS)
    for slug in ("b", "c", "d"):
        api.add_source(slug, key=other)
    cursor = api.get("/sources?limit=1", key=other).get_json()["next_cursor"]
    shown = api.get(f"/sources?cursor={cursor}").get_json()["data"]
    assert [row["slug"] for row in shown] == ["github"]
    assert shown[0]["id"] != theirs["source"]


def test_a_mark_is_each_keys_own(api: ApiUnderTest, theirs: dict[str, str]) -> None:
    other = api.make_key("marker", tenant=THEIRS)
    mark = {"Idempotency-Key": "the-same"}
    made = api.add_source("marked", key=other, headers=mark).get_json()
    ours = api.add_source("marked", headers=mark)
    assert ours.status_code == 201
    assert ours.get_json()["secret"] != made["secret"]


def test_a_manifest_touches_ours_alone(api: ApiUnderTest, theirs: dict[str, str]) -> None:
    before = everything(api, theirs)
    applied = api.ask("PUT", "/manifest?prune=true&allow_empty=true", json={})
    assert applied.status_code == 200
    assert everything(api, theirs) == before


def everything(api: ApiUnderTest, theirs: dict[str, str]) -> list[object]:
    """What the other tenant has of what is configured, as it is shown to it."""
    paths = (f"/{name}" for name in ("sources", "destinations", "routes", "deliveries", "events", "rejections"))
    return [api.get(path, key=theirs[KEY]).get_json().get("data") for path in paths]
