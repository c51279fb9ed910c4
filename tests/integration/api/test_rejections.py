"""Rejections through the API: lists with their filters, what was kept, and why it was refused, as data."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from gateway.clock import from_us
from gateway.security.identifiers import new_id
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rejections.models import Rejection
from tests.integration.api.conftest import ApiUnderTest, code, faults

SECRET = "It's a Secret to Everybody, or is it?"
BODY = b'{"action":"opened"}'


def signed_with(secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()


def refuse(api: ApiUnderTest, **values: Any) -> str:
    """A stored rejection of the source `github`; its id."""
    kept: dict[str, Any] = {
        "id": new_id("rej"),
        "tenant_id": DEFAULT_TENANT_ID,
        "source_id": "src_1",
        "source": "github",
        "reason": "signature_mismatch",
        "detail": "no current secret fits",
        "received_at": from_us(api.clock.now_us()) - timedelta(minutes=5),
        "method": "POST",
        "url": "https://gw.example.com/webhooks/github?token=hunter22",
        "headers": json.dumps([["X-Github-Event", "issues"], ["X-Hub-Signature-256", signed_with(SECRET)]]).encode(),
        "body": BODY,
        "body_bytes": len(BODY),
        "client_address": "192.0.2.7",
    } | values
    with api.database.system_session(write=True) as session:
        session.add(Rejection(**kept))
    return str(kept["id"])


def test_what_was_refused_is_found_and_shown(api: ApiUnderTest) -> None:
    first = refuse(api)
    unknown = refuse(api, reason="source_unknown", source="shop", source_id="", detail=None, client_address=None)
    binary = refuse(api, body=b"\xff\x00", body_bytes=2)
    assert [row["id"] for row in api.get("/rejections").get_json()["data"]] == [binary, unknown, first]
    for query, ids in {
        "source=shop": [unknown],
        "reason=signature_mismatch": [binary, first],
        "source=shop&reason=signature_mismatch": [],
    }.items():
        assert [row["id"] for row in api.get(f"/rejections?{query}").get_json()["data"]] == ids, query
    page = api.get("/rejections?limit=2").get_json()
    assert [row["id"] for row in api.get(f"/rejections?cursor={page['next_cursor']}").get_json()["data"]] == [first]
    assert faults(api.get("/rejections?colour=red")) == {"colour": "not_taken"}
    shown = api.get(f"/rejections/{first}")
    assert shown.get_json()["body"] == BODY.decode()
    assert "hunter22" not in shown.get_data(as_text=True)
    assert signed_with(SECRET) not in shown.get_data(as_text=True)
    assert api.get(f"/rejections/{binary}").get_json()["body_base64"] == "/wA="
    assert code(api.get("/rejections/rej_1")) == (404, "not_found")
    other = api.make_key("other", "sources:read")
    for refused in (api.get("/rejections", key=other), api.post(f"/rejections/{first}/explain", key=other)):
        assert code(refused) == (403, "scope_missing")


def test_why_it_was_refused_is_said_as_data(api: ApiUnderTest) -> None:
    for slug, secret in (("github", "ours, and long enough to be one"), ("other", SECRET)):
        api.post("/sources", {"slug": slug, "provider": "github", "credentials": {"secret": secret}})
    rejection = refuse(api)
    reader = api.make_key("reader", "rejections:read")
    answer = api.post(f"/rejections/{rejection}/explain", key=reader)
    assert answer.status_code == 200
    document = answer.get_json()
    assert (document["provider"], document["reason"]) == ("github", "signature_mismatch")
    first = document["findings"][0]
    assert (first["cause"], first["certainty"]) == ("other_source", "proven")
    assert first["hints"] == []
    assert SECRET not in answer.get_data(as_text=True)
    assert signed_with(SECRET) not in answer.get_data(as_text=True)
    api.post("/sources/github/rotate", {"value": SECRET})
    marked = {"headers": {"Idempotency-Key": "once"}}
    now = api.post(f"/rejections/{rejection}/explain", {"url": "https://gw.example.com/webhooks/github"}, **marked)
    assert (now.get_json()["accepted"], now.get_json()["findings"][0]["cause"]) == (True, "accepted_now")
    unknown = refuse(api, reason="source_unknown", source="shop", source_id="", detail=None)
    told = api.post(f"/rejections/{unknown}/explain").get_json()["findings"][0]
    assert told["hints"][1]["operation"] == {"method": "POST", "href": "/api/v1/sources"}
    for url, fault in {
        "": "malformed",
        "/webhooks/github": "malformed",
        "http://[": "malformed",
        "https://a:b/": "malformed",
        "javascript:alert(1)": "malformed",
        "https://a/" + "b" * 9000: "too_long",
    }.items():
        refused = api.post(f"/rejections/{rejection}/explain", {"url": url})
        assert (code(refused), faults(refused)) == ((422, "invalid_input"), {"/url": fault}), url
    assert code(api.post("/rejections/rej_1/explain")) == (404, "not_found")


def test_one_is_taken_in_once_its_source_is_mended(api: ApiUnderTest) -> None:
    api.post("/sources", {"slug": "github", "provider": "github", "credentials": {"secret": "wrong"}})
    id_ = refuse(api, url="https://gw.example.com/webhooks/github")
    refused = api.post(f"/rejections/{id_}/accept")
    assert code(refused) == (409, "conflict")
    assert api.get(f"/rejections/{id_}/body").data == BODY
    assert api.post("/sources/github/rotate", {"value": SECRET}).status_code == 200
    planned = api.post("/rejections/accept", {"source": "github", "plan": True}).get_json()
    assert (planned["kind"], planned["payload"]["is_plan"]) == ("rejections.accept", True)
    accepted = api.post(f"/rejections/{id_}/accept").get_json()
    assert accepted.get("outcome") == "accepted", accepted
    assert api.get(f"/events/{accepted['event_ids'][0]}").get_json()["type"] == "issues"
    assert api.get(f"/rejections/{id_}").get_json()["accepted_as"] == accepted["event_ids"][0]
    assert api.post("/rejections/accept", {}).status_code == 422
    reader = api.make_key("reader", "rejections:read")
    assert api.post(f"/rejections/{id_}/accept", key=reader).status_code == 403
