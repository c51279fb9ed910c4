"""Connections through the API."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import ApiUnderTest, code, faults

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEY = "key-of-the-tests"
DRAFT = {"provider": "gitlab", "key": KEY, "parameters": {"host": "127.0.0.1"}, "test": False}


def test_connections_live(api: ApiUnderTest) -> None:
    added = api.post("/connections", {**DRAFT, "reference": "customer-1"})
    assert added.status_code == 201
    connection = added.get_json()
    path = f"/connections/{connection['id']}"
    assert added.headers["Location"] == f"/api/v1{path}"
    assert (connection["state"], connection["reason"], connection["way"]) == ("connected", "untested", "api_key")
    assert api.get(path).get_json() == connection
    assert api.get("/connections?reference=customer-1&state=connected").get_json()["data"] == [connection]
    assert api.get("/connections?reference=customer-2").get_json()["data"] == []
    assert api.get("/connections?state=well").status_code == 422
    tested = api.post(f"{path}/test")
    assert (tested.status_code, tested.get_json()["finding"]) == (200, "unclear")
    assert tested.get_json()["connection"]["state"] == "connected"
    assert all(KEY not in one.get_data(as_text=True) for one in (added, tested, api.get(path)))


def test_what_is_wrong_is_told_by_its_place(api: ApiUnderTest) -> None:
    assert faults(api.post("/connections", {**DRAFT, "parameters": {"host": "a/b"}})) == {
        "/parameters/host": "malformed"
    }
    assert faults(api.post("/connections", {"provider": "gitlab", "way": "api_key"})) == {"/key": "missing"}
    assert faults(api.post("/connections", {"provider": "keycloak"})) == {"/way": "not_allowed"}
    assert code(api.post("/connections", {"provider": "nobody", "key": KEY})) == (404, "not_found")
    failed = api.post("/connections", {**DRAFT, "test": True})
    assert code(failed) == (502, "connection_trial_failed")
    assert KEY not in failed.get_data(as_text=True)
