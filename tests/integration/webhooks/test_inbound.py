"""The inbound contract over the real application: answers, what is stored, what is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.events.search import show_event
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.security.sealed_text import MARK
from gateway.tenants.models import Tenant
from gateway.webhooks.rejections.search import show_rejection
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.management import disable_source, rotate_credential
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest, code


def test_a_signed_event_is_stored_with_its_bytes_and_its_deliveries(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github", "push")
    body = b'{ "ref": "refs/heads/main",\n "emoji": "\xf0\x9f\x8e\x89" }'
    answer = gateway.github(body=body)
    assert (answer.status_code, answer.json["status"]) == (200, "accepted")
    (event,) = gateway.events()
    assert answer.json["event_id"] == event.id
    assert (event.body, event.type, event.dedupe_key, event.source) == (body, "push", "d-1", "github")
    assert ["x-github-event", "push"] in [[name.lower(), value] for name, value in json.loads(event.headers)]
    (delivery,) = gateway.deliveries()
    assert (delivery.event_id, delivery.state, delivery.attempts_made) == (event.id, "pending", 0)


def test_every_answer_carries_a_request_id(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    answers = [gateway.github(), gateway.github(secret="wrong"), gateway.client.get("/webhooks/nowhere")]
    answers += [gateway.client.get("/healthz"), gateway.client.put("/webhooks/github"), gateway.client.get("/nothing")]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert gateway.events()[0].request_id == ids[0]
    assert gateway.rejections()[0].request_id == ids[1]


def test_a_repeat_answers_with_the_first_id_and_delivers_nothing(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github")
    first, again = gateway.github(key="k"), gateway.github(key="k", body=b'{"other": 1}')
    assert again.json == {"status": "duplicate", "event_id": first.json["event_id"]}
    assert (again.status_code, len(gateway.events()), len(gateway.deliveries())) == (200, 1, 1)


def test_two_tenants_with_equal_slugs_and_keys_do_not_meet(gateway: GatewayUnderTest) -> None:
    with gateway.database.system_session(write=True) as session:
        session.add(Tenant(id="ten_acme", slug="acme", created_at=from_us(gateway.clock.now_us())))
    gateway.source("github", "github", SECRET)
    gateway.source("github", "github", "acme's own", tenant="acme")
    mine, theirs = gateway.github(), gateway.github("acme/github", secret="acme's own")
    assert [mine.json["status"], theirs.json["status"]] == ["accepted", "accepted"]
    assert code(gateway.github("acme/github")) == "signature_mismatch"
    assert [event.tenant_id for event in gateway.events()] == ["ten_default", "ten_acme"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X_Hub_Signature_256": ""}, "signature_missing"),
        ({"X_Hub_Signature_256": "sha256=" + "0" * 64}, "signature_mismatch"),
        ({"X_Hub_Signature_256": "sha256=zz"}, "signature_malformed"),
        ({"X_Hub_Signature_256": "sha256=\xe9"}, "signature_malformed"),
    ],
)
def test_a_bad_signature_is_refused_and_kept_for_people_to_see(
    gateway: GatewayUnderTest, headers: dict[str, str], reason: str
) -> None:
    gateway.source("github", "github", SECRET)
    answer = gateway.github(body=b'{"a": 1}', **headers)
    assert (answer.status_code, code(answer)) == (401, reason)
    assert gateway.events() == []
    (rejection,) = gateway.rejections()
    assert (rejection.reason, rejection.body, rejection.source) == (reason, b'{"a": 1}', "github")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_json_without_a_json_content_type_is_filtered_as_json(gateway: GatewayUnderTest, content_type: str) -> None:
    secret = "linear's secret"
    gateway.source("linear", "linear", secret)
    gateway.route("linear", "Issue", where="data.state == 'done'", transform="{id: data.id}")
    now = gateway.clock.now_us() // 1000
    body = json.dumps({"type": "Issue", "webhookTimestamp": now, "data": {"id": "L-1", "state": "done"}}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Linear-Signature": signature} | ({"Content-Type": content_type} if content_type else {})
    assert gateway.client.post("/webhooks/linear", data=body, headers=headers).status_code == 200
    assert [event.type for event in gateway.events()] == ["Issue"]
    assert [(one.state, one.payload) for one in gateway.deliveries()] == [("pending", b'{"id":"L-1"}')]


def test_a_body_that_is_too_large_to_look_for_its_signature_is_answered_413(gateway: GatewayUnderTest) -> None:
    gateway.source("graph", "microsoft-graph", "a state that nobody knows")
    answer = gateway.client.post("/webhooks/graph", data=b"[" + b" " * 1024 * 1024)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert [row.reason for row in gateway.rejections()] == ["body_too_large"]


def test_what_a_batchs_signature_does_not_cover_is_left_out_and_told(gateway: GatewayUnderTest) -> None:
    gateway.source("segment", "segment", SECRET, scheme="batched")
    first = b'{"type":"track","messageId":"m1"}'
    headers = {"X-Signature": hmac.new(SECRET.encode(), first, hashlib.sha1).hexdigest()}
    forged = first.replace(b"m1", b"forged")
    assert (
        gateway.client.post("/webhooks/segment", data=b"[%b,%b]" % (first, forged), headers=headers).status_code == 200
    )
    assert [(one.type, one.dedupe_key, one.body) for one in gateway.events()] == [("track", "m1", first)]
    assert [row.reason for row in gateway.rejections()] == ["signature_missing"]


def test_a_repeated_signature_header_is_refused(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    signature = "sha256=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
    assert gateway.github(X_Hub_Signature_256=f"{signature},{signature}").status_code == 401


def test_unknown_disabled_and_not_allowed(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET, allowed_ips=["203.0.113.0/24"])
    assert code(gateway.github("nowhere")) == "source_unknown"
    assert code(gateway.github("other/github")) == "source_unknown"
    refused = gateway.github()
    assert (refused.status_code, code(refused)) == (403, "ip_not_allowed")
    with gateway.acting() as acting:
        disable_source(acting, "github")
    gateway.refresh()
    disabled = gateway.github()
    assert (disabled.status_code, code(disabled)) == (410, "source_disabled")
    assert [row.reason for row in gateway.rejections()] == ["source_unknown", "ip_not_allowed", "source_disabled"]


def test_too_many_requests_are_told_when_to_come_back(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET, rate_per_second=0.2)
    answers = [gateway.github(key=str(number)) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert code(answers[2]) == "rate_limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 10


def test_bodies_up_to_the_limit_and_not_beyond(settings: Settings, fake_clock: FakeClock) -> None:
    installation = Installation(replace(settings, max_body_bytes=1000), clock=fake_clock)
    gateway = GatewayUnderTest(create_app(installation), installation.database, settings, fake_clock)
    gateway.source("github", "github", SECRET)
    assert gateway.github(body=b"x" * 1000).status_code == 200
    refused = gateway.github(body=b"x" * 1001, key="2")
    assert (refused.status_code, code(refused)) == (413, "body_too_large")
    assert len(gateway.events()) == 1
    assert [row.reason for row in gateway.rejections()] == ["body_too_large"]
    gateway.inbound.close()
    gateway.database.close()


def test_other_methods_are_not_allowed(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = gateway.client.open("/webhooks/github", method=method)
        assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"\x00\xff\xfe", b'{"a": "' + b"\xff" * 10 + b'"}', b"[" * 100_000, b"9" * 5000]
)
def test_authentic_bytes_are_kept_whatever_their_shape(gateway: GatewayUnderTest, body: bytes) -> None:
    gateway.source("stripe", "stripe", "whsec_x")
    now = gateway.clock.now_us() // 1_000_000
    signature = hmac.new(b"whsec_x", f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    answer = gateway.client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": f"t={now},v1={signature}"})
    assert (answer.status_code, answer.json["status"]) == (200, "accepted")
    (event,) = gateway.events()
    assert (event.body, event.type, event.dedupe_key) == (body, None, None)


@pytest.mark.parametrize("event_id", ["\x00", "a\x00b", "\ud800", "x" * 10_000, "\U0001f600" * 300])
def test_ids_and_types_that_no_column_can_hold_do_not_lose_the_event(gateway: GatewayUnderTest, event_id: str) -> None:
    gateway.source("stripe", "stripe", "whsec_x")
    body = json.dumps({"id": event_id, "type": event_id}).encode()
    now = gateway.clock.now_us() // 1_000_000
    signature = hmac.new(b"whsec_x", f"{now}.".encode() + body, hashlib.sha256).hexdigest()

    def post() -> str:
        headers = {"Stripe-Signature": f"t={now},v1={signature}"}
        return str(gateway.client.post("/webhooks/stripe", data=body, headers=headers).json["status"])

    assert [post(), post()] == ["accepted", "duplicate"]
    assert len(gateway.events()) == 1


def test_an_old_secret_counts_until_its_end(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", "old")
    with gateway.acting() as acting:
        rotate_credential(acting, "github", CredentialDraft("new", overlap=timedelta(hours=1)))
    assert gateway.github(secret="old", key="1").status_code == 200
    assert gateway.github(secret="new", key="2").status_code == 200
    gateway.clock.advance(3601)
    assert gateway.github(secret="old", key="3").status_code == 401
    assert gateway.github(secret="new", key="4").status_code == 200


def test_a_stale_timestamp_is_refused_with_its_own_reason(gateway: GatewayUnderTest) -> None:
    secret = "whsec_" + base64.b64encode(b"0" * 24).decode()
    gateway.source("sw", "standard-webhooks", secret)
    hook, body = Webhook(secret), '{"type": "thing.created"}'
    for offset, expected in ((0, 200), (299, 200), (301, 401), (-301, 401)):
        at = from_us(gateway.clock.now_us()) - timedelta(seconds=offset)
        signature = hook.sign(f"msg_{offset}", at, body)
        headers = {
            "webhook-id": f"msg_{offset}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        answer = gateway.client.post("/webhooks/sw", data=body, headers=headers)
        assert answer.status_code == expected
    assert code(answer) == "timestamp_out_of_tolerance"


def test_handshakes_are_answered_and_stored_nowhere(gateway: GatewayUnderTest) -> None:
    gateway.source("slack", "slack", "s1")
    now = gateway.clock.now_us() // 1_000_000
    body = b'{"type":"url_verification","challenge":"ch-1"}'
    signature = "v0=" + hmac.new(b"s1", f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    signed = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": signature}
    answer = gateway.client.post("/webhooks/slack", data=body, headers=signed)
    assert (answer.status_code, answer.data) == (200, b"ch-1")
    assert gateway.client.post("/webhooks/slack", data=body).status_code == 401
    assert gateway.events() == []


def test_meta_subscribes_with_its_verify_token_only(gateway: GatewayUnderTest) -> None:
    gateway.source("meta", "meta", "app", options={"verify_token": "tok"})
    query = "hub.mode=subscribe&hub.challenge=42&hub.verify_token="
    assert gateway.client.get(f"/webhooks/meta?{query}tok").data == b"42"
    assert gateway.client.get(f"/webhooks/meta?{query}bad").status_code == 401


def test_a_batch_becomes_events_of_their_own(gateway: GatewayUnderTest) -> None:
    gateway.source("meta", "meta", "app", options={"verify_token": "tok"})
    gateway.route("meta", "messages")
    body = json.dumps(
        {"object": "x", "entry": [{"changes": [{"field": name}]} for name in ("messages", "feed")]}
    ).encode()
    signature = "sha256=" + hmac.new(b"app", body, hashlib.sha256).hexdigest()
    answer = gateway.client.post("/webhooks/meta", data=body, headers={"X-Hub-Signature-256": signature})
    assert [event.type for event in gateway.events()] == ["messages", "feed"]
    assert answer.json["event_ids"] == [event.id for event in gateway.events()]
    assert len(gateway.deliveries()) == 1


def test_the_public_url_is_what_twilio_signed(gateway: GatewayUnderTest) -> None:
    gateway.source("twilio", "twilio", "auth")
    url = gateway.settings.base_url + "/webhooks/twilio?a=1%202"
    signature = base64.b64encode(hmac.new(b"auth", (url + "Bodyhi").encode(), hashlib.sha1).digest()).decode()
    answer = gateway.client.post(
        "/webhooks/twilio?a=1%202",
        data="Body=hi",
        headers={"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
        environ_overrides={"RAW_URI": "/webhooks/twilio?a=1%202", "HTTP_HOST": "evil.example.com"},
    )
    assert answer.status_code == 200


def test_a_token_in_the_query_is_kept_and_not_shown(gateway: GatewayUnderTest) -> None:
    gateway.source("mail", "postmark", "s3cret-token", scheme="query_token")
    for token in ("s3cret-token", "wrong-token"):
        gateway.client.post(f"/webhooks/mail?token={token}", data="{}", headers={"Content-Type": "application/json"})
    (event,), (rejection,) = gateway.events(), gateway.rejections()
    assert [MARK in one.url and "-token" not in one.url for one in (event, rejection)] == [True, True]
    with gateway.acting(write=False) as acting:
        shown = [show_event(acting, event.id).url, show_rejection(acting, rejection.id).url]
    assert shown == [gateway.settings.base_url + "/webhooks/mail?token=…"] * 2


def test_a_body_beside_a_signed_url_is_not_kept(gateway: GatewayUnderTest) -> None:
    gateway.source("twilio", "twilio", "auth")
    url = gateway.settings.base_url + "/webhooks/twilio?CallSid=CA1"
    signature = base64.b64encode(hmac.new(b"auth", url.encode(), hashlib.sha1).digest()).decode()
    answer = gateway.client.get(
        "/webhooks/twilio?CallSid=CA1",
        data="CallStatus=completed",
        headers={"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
        environ_overrides={"RAW_URI": "/webhooks/twilio?CallSid=CA1"},
    )
    assert answer.json["status"] == "accepted"
    assert [(event.type, event.body, event.body_bytes) for event in gateway.events()] == [(None, b"", 0)]


def test_a_filter_that_fails_keeps_the_event_and_tells_about_the_dead_delivery(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github", "push", where="length(total) > `1`")
    gateway.route("gateway", "gateway.delivery.dead", name="alerts")
    assert gateway.github(body=b'{"total": 1}').status_code == 200
    event, report = gateway.events()
    dead, alert = gateway.deliveries()
    assert (dead.state, dead.reason, dead.event_id) == ("dead", "route_failed", event.id)
    assert (report.source, report.type, alert.state, alert.event_id) == (
        "gateway",
        "gateway.delivery.dead",
        "pending",
        report.id,
    )
    assert json.loads(report.body)["data"]["delivery_id"] == dead.id
    gateway.github(body=b'{"total": 1}')
    assert len(gateway.events()) == 2


def test_the_gateways_own_source_takes_nothing_from_outside(gateway: GatewayUnderTest) -> None:
    assert code(gateway.client.post("/webhooks/gateway", data=b"{}")) == "source_unknown"


def test_a_database_that_cannot_store_is_503_and_recovers(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    assert gateway.github(key="1").status_code == 200
    with gateway.database.write() as connection:
        connection.execute(text("ALTER TABLE events RENAME TO events_away"))
    refused = gateway.github(key="2")
    assert (refused.status_code, code(refused)) == (503, "storage_unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    with gateway.database.write() as connection:
        connection.execute(text("ALTER TABLE events_away RENAME TO events"))
    assert gateway.github(key="2").json["status"] == "accepted"


class BreakingClock(FakeClock):
    """A machine's clock that cannot be read any more once it `is_broken`."""

    is_broken = False

    def now_us(self) -> int:
        if self.is_broken:
            raise OSError("the clock cannot be read")
        return super().now_us()


class TestOurOwnFault:
    @pytest.fixture
    def fake_clock(self) -> BreakingClock:
        return BreakingClock()

    def test_it_is_told_in_the_contracts_shape(self, gateway: GatewayUnderTest, fake_clock: BreakingClock) -> None:
        gateway.source("github", "github", SECRET)
        assert gateway.github().status_code == 200
        fake_clock.is_broken = True
        failed = gateway.github()
        assert (failed.status_code, code(failed)) == (500, "internal_error")
        assert failed.headers["X-Request-Id"].startswith("req_")
        fake_clock.is_broken = False
        assert gateway.github(key="next").status_code == 200


def test_a_change_of_configuration_holds_within_a_second(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    assert code(gateway.github("second")) == "source_unknown"
    gateway.source("second", "github", SECRET)
    seen = threading.Event()
    deadline = time.monotonic() + 1
    while ("default", "second") not in gateway.inbound.ingest.snapshot.current().sources:
        assert time.monotonic() < deadline
        seen.wait(0.01)
    assert gateway.github("second").status_code == 200


def test_rejections_of_a_source_are_bounded(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    for number in range(1_150):
        # Each from an address of its own: one alone would be told to wait.
        address = f"10.0.{number // 250}.{number % 250}"
        gateway.github(body=str(number).encode(), secret="wrong", address=address)
        if number % 100 == 0:
            gateway.inbound.ingest.rejections.flush(20)
    kept = gateway.rejections()
    assert 1_000 <= len(kept) <= 1_100
    assert kept[-1].body == b"1149"
