"""Connect sessions through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import ApiUnderTest, code, faults

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
APP: dict[str, Any] = {"name": "code", "provider": "github", "client_id": "id-1", "client_secret": "shh-1"}
DRAFT: dict[str, Any] = {"app_credentials": "code", "scopes": ["repo"], "reference": "customer-42"}


def test_connect_sessions_live(api: ApiUnderTest) -> None:
    api.post("/app-credentials", APP)
    made = api.post("/connect-sessions", DRAFT)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    session = made.get_json()
    url = session.pop("url")
    assert url.startswith(f"{api.installation.settings.base_url}/oauth/github/login?session=")
    assert made.headers["Location"] == f"/api/v1/connect-sessions/{session['id']}"
    assert api.get(f"/connect-sessions/{session['id']}").get_json() == session
    assert (session["state"], session["asker_name"]) == ("pending", "tester")
    api.post("/connect-sessions", DRAFT | {"reference": "customer-43"})
    listed = api.get("/connect-sessions?reference=customer-42")
    assert [one["id"] for one in listed.get_json()["data"]] == [session["id"]]
    assert url.partition("session=")[2] not in listed.get_data(as_text=True)
    assert api.app.test_client().get(url).headers["Location"].startswith("https://github.com/login/oauth/authorize?")
    assert api.get(f"/connect-sessions/{session['id']}").get_json()["state"] == "opened"


def test_what_is_wrong_is_told_by_its_place(api: ApiUnderTest) -> None:
    api.post("/app-credentials", APP)
    wrong = api.post("/connect-sessions", DRAFT | {"return_to": "https://evil.test/", "scopes": ["a", "b c"]})
    assert faults(wrong) == {"/return_to": "malformed", "/scopes/1": "malformed"}
    [hint] = [one["hint"] for one in wrong.get_json()["errors"] if "hint" in one]
    assert "https://evil.test" in hint["parameters"]["origins"]
    assert code(api.post("/connect-sessions", {"app_credentials": "cod"})) == (404, "not_found")
    assert code(api.post("/connect-sessions", DRAFT | {"reconnect": "conn_1"})) == (404, "not_found")
    assert code(api.get("/connect-sessions/cs_1")) == (404, "not_found")


def test_keys_need_the_scope(api: ApiUnderTest) -> None:
    api.post("/app-credentials", APP)
    reader = api.make_key("reader", "connections:read")
    assert api.get("/connect-sessions", key=reader).status_code == 200
    assert code(api.post("/connect-sessions", DRAFT, key=reader)) == (403, "scope_missing")
