"""App credentials through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import ApiUnderTest, code, faults

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DRAFT: dict[str, Any] = {"name": "github", "provider": "github", "client_id": "id-1", "client_secret": "shh-1"}


def test_app_credentials_live(api: ApiUnderTest) -> None:
    added = api.post("/app-credentials", DRAFT)
    assert added.status_code == 201
    app = added.get_json()
    assert app["redirect_uri"].endswith("/oauth/github/callback")
    assert added.headers["Location"] == f"/api/v1/app-credentials/{app['id']}"
    shown = api.get("/app-credentials/github")
    assert shown.get_json() == app == api.get(f"/app-credentials/{app['id']}").get_json()
    version = {"If-Match": shown.headers["ETag"]}
    changed = api.ask("PATCH", "/app-credentials/github", json={"scopes": ["repo"]}, headers=version)
    assert changed.get_json()["scopes"] == ["repo"]
    stale = api.ask("PATCH", "/app-credentials/github", json={"scopes": None}, headers=version)
    assert stale.status_code == 412
    assert api.post("/app-credentials/github/rotate", {"client_secret": "shh-2"}).status_code == 200
    assert api.post("/app-credentials/github/disable").get_json()["state"] == "disabled"
    assert api.post("/app-credentials/github/enable").get_json()["state"] == "enabled"
    listed = api.get("/app-credentials")
    assert [one["name"] for one in listed.get_json()["data"]] == ["github"]
    assert "shh-" not in listed.get_data(as_text=True) + added.get_data(as_text=True)
    gone = api.ask("DELETE", "/app-credentials/github", headers={"If-Match": "*"})
    assert gone.status_code == 204
    assert api.get("/app-credentials/github").status_code == 404


def test_what_is_wrong_is_told_by_its_place(api: ApiUnderTest) -> None:
    wrong = api.post("/app-credentials", {"name": "a b", "provider": "gitea", "parameters": {"bas": "x"}})
    assert faults(wrong) == {
        "/name": "malformed",
        "/client_id": "missing",
        "/client_secret": "missing",
        "/parameters/bas": "not_taken",
        "/parameters/base": "missing",
    }
    assert code(api.post("/app-credentials", DRAFT | {"provider": "githob"})) == (404, "not_found")
    api.post("/app-credentials", DRAFT)
    assert code(api.post("/app-credentials", DRAFT)) == (409, "conflict")
    assert faults(api.post("/app-credentials/github/rotate", {})) == {"/client_secret": "missing"}


def test_keys_need_the_scope(api: ApiUnderTest) -> None:
    api.post("/app-credentials", DRAFT)
    reader = api.make_key("reader", "app-credentials:read")
    assert api.get("/app-credentials/github", key=reader).status_code == 200
    assert api.post("/app-credentials/github/disable", key=reader).status_code == 403
    assert api.get("/app-credentials", key=api.make_key("other", "sources:read")).status_code == 403
