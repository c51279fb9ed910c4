"""A manifest through the API: what `gateway apply` does, without the variables of the server."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.webhooks import route_trials
from tests.integration.api.conftest import ApiUnderTest, code, faults

MANIFEST: dict[str, Any] = {
    "sources": [{"slug": "github", "provider": "github", "secret": "s3cret-s3cret"}],
    "destinations": [{"name": "app", "url": "http://127.0.0.1:9/hook"}],
    "routes": [{"name": "reviews", "source": "github", "types": ["push"], "to": "app"}],
}


def put(api: ApiUnderTest, document: object, query: str = "", **request: Any) -> Any:
    return api.ask("PUT", f"/manifest{query}", json=document, **request)


def test_it_is_planned_applied_and_then_changes_nothing(api: ApiUnderTest) -> None:
    planned = put(api, MANIFEST, "?plan=true").get_json()
    assert [(one["action"], one["kind"], one["name"]) for one in planned["changes"]] == [
        ("create", "source", "github"),
        ("create", "destination", "app"),
        ("create", "route", "reviews"),
    ]
    assert (planned["applied"], planned["secrets"]) == (False, {})
    assert api.get("/sources").get_json()["data"] == []
    applied = put(api, MANIFEST)
    assert applied.headers["Cache-Control"] == "no-store"
    assert applied.get_json()["applied"] is True
    assert applied.get_json()["secrets"]["app"].startswith("whsec_")
    assert put(api, MANIFEST).get_json()["changes"] == []
    changed = {**MANIFEST, "sources": [{**MANIFEST["sources"][0], "rate": 5, "secret": "another-s3cret"}]}
    [change] = put(api, changed).get_json()["changes"]
    assert change["fields"] == ["rate", "credentials.secret"]
    assert "another-s3cret" not in str(change)
    assert put(api, {}, "?prune=true&allow_empty=true&plan=true").get_json()["changes"][0]["action"] == "remove"


def test_routes_are_tried_for_so_long(api: ApiUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    route = {**MANIFEST["routes"][0], "where": "ref", "transform": "repository"}
    document = {**MANIFEST, "routes": [route]}
    assert put(api, document, "?plan=true").get_json()["trials"]["reviews"]["samples"]["tried"] == 1
    monkeypatch.setattr(route_trials, "TRIED_SECONDS", 0.0)
    assert put(api, document, "?plan=true").get_json()["trials"]["reviews"]["samples"]["tried"] == 0


def test_every_fault_has_its_place(api: ApiUnderTest) -> None:
    wrong = {
        "sources": [{"slug": "a", "provider": "nobody"}, {"slug": "b", "provider": "github", "colour": 1}],
        "destinations": [{"name": "app", "url": "http://169.254.169.254/"}],
    }
    assert faults(put(api, wrong)) == {"/sources/1/colour": "not_taken"}
    del wrong["sources"][1]["colour"]
    refused = put(api, wrong)
    assert code(refused) == (422, "invalid_input")
    assert faults(refused) == {
        "/sources/0/provider": "unknown",
        "/sources/1/credentials/secret": "missing",
        "/destinations/0/url": "address_forbidden",
    }
    assert api.get("/sources").get_json()["data"] == []


def test_variables_of_the_server_are_not_read(api: ApiUnderTest) -> None:
    for source in ({"secret_env": "PATH"}, {"credentials_env": {"secret": "PATH"}}):
        refused = put(api, {"sources": [{"slug": "a", "provider": "github", **source}]})
        assert faults(refused) == {f"/sources/0/{next(iter(source))}": "not_taken"}
    refused = put(api, {"destinations": [{"name": "a", "url": "http://127.0.0.1:9/", "headers_env": {"X-A": "PATH"}}]})
    assert faults(refused) == {"/destinations/0/headers_env": "not_taken"}


def test_it_needs_all_three_scopes(api: ApiUnderTest) -> None:
    key = api.make_key("half", "sources:write", "routes:write")
    refused = put(api, MANIFEST, key=key)
    assert code(refused) == (403, "scope_missing")
    assert "destinations:write" in refused.headers["WWW-Authenticate"]


def test_app_credentials_are_applied_like_the_rest_and_need_their_own_scope(api: ApiUnderTest) -> None:
    app = {"name": "github-app", "provider": "github", "client_id": "id-1", "client_secret": "an-app-secret"}
    document = {**MANIFEST, "app_credentials": [app]}
    narrow = api.make_key("narrow", "sources:write", "destinations:write", "routes:write")
    refused = put(api, document, key=narrow)
    assert code(refused) == (403, "scope_missing")
    assert "app-credentials:write" in refused.headers["WWW-Authenticate"]
    assert api.get("/sources").get_json()["data"] == []
    applied = put(api, document)
    assert ("create", "app_credentials", "github-app") in {
        (one["action"], one["kind"], one["name"]) for one in applied.get_json()["changes"]
    }
    assert "an-app-secret" not in applied.text
    assert api.get("/app-credentials/github-app").get_json()["client_id"] == "id-1"
    assert put(api, document).get_json()["changes"] == []
    assert put(api, MANIFEST, key=narrow).get_json()["not_in_file"] != []
    variable = {**app, "client_secret_env": "PATH"}
    assert faults(put(api, {"app_credentials": [variable]})) == {"/app_credentials/0/client_secret_env": "not_taken"}
    assert faults(put(api, {"app_credentials": [app, app]})) == {"/app_credentials/1/name": "duplicate"}


def test_what_is_there_is_shown_as_it_may_be_put_and_changes_nothing(api: ApiUnderTest) -> None:
    assert api.get("/manifest").get_json() == {"sources": [], "destinations": [], "routes": []}
    put(api, MANIFEST)
    shown = api.get("/manifest").get_json()
    assert "s3cret" not in str(shown)
    assert [route["name"] for route in shown["routes"]] == ["reviews"]
    assert put(api, shown, "?prune=true").get_json()["changes"] == []
