"""Captured requests that are sent again: told from a vendor's honest repeat, and refused where the source does."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

from werkzeug.test import TestResponse

from gateway.clock import from_us
from gateway.delivery.retention import Cutoff, purge_events
from gateway.webhooks.explain.asking import explain_rejection
from gateway.webhooks.proofs.retention import purge_proofs
from gateway.webhooks.sources.changes import SourceChange
from gateway.webhooks.sources.management import change_source

from .conftest import SECRET, GatewayUnderTest, code

DAY_SECONDS = 86_400


def _status(response: TestResponse) -> tuple[str, str]:
    assert response.status_code == 200, response.data
    document = json.loads(response.data)
    return document["status"], document["event_id"]


def _purge(gateway: GatewayUnderTest) -> int:
    """Forget every event, and the proofs that have expired; how many these were."""
    # Whose ids are made by the real clock.
    later = datetime(2100, 1, 1, tzinfo=UTC)
    list(purge_events(gateway.database, Cutoff(later, later)))
    assert gateway.events() == []
    return sum(purge_proofs(gateway.database, now=from_us(gateway.clock.now_us())))


def test_a_body_that_was_accepted_is_not_taken_for_another_event(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET, refuse_replays=True)
    accepted = _status(gateway.github(body=b'{"n": 1}'))
    assert accepted[0] == "accepted"
    # The vendor's own button sends the same delivery again, and so does a vendor that missed the answer.
    assert _status(gateway.github(body=b'{"n": 1}')) == ("duplicate", accepted[1])
    captured = gateway.github(body=b'{"n": 1}', key="d-2", X_GitHub_Event="release")
    assert (captured.status_code, code(captured)) == (401, "replayed")
    assert _status(gateway.github(body=b'{"n": 2}', key="d-3"))[0] == "accepted"
    assert [event.dedupe_key for event in gateway.events()] == ["d-1", "d-3"]
    [rejection] = gateway.rejections()
    assert rejection.reason == "replayed"
    diagnosis = explain_rejection(lambda: gateway.acting(write=False), rejection.id)
    assert accepted[1] in diagnosis.findings[0].sentence
    assert [hint.action for hint in diagnosis.findings[0].hints] == ["show_source", "accept_replays"]


def test_what_a_source_does_about_replays_can_be_changed(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    assert _status(gateway.github(key="d-1"))[0] == _status(gateway.github(key="d-2"))[0] == "accepted"
    for wanted, statuses in ((True, [200, 401]), (False, [200, 200]), (None, [200, 200])):
        with gateway.acting() as acting:
            change_source(acting, "github", SourceChange(refuse_replays=wanted))
        gateway.refresh()
        body = json.dumps({"wanted": wanted}).encode()
        assert [gateway.github(key=f"{wanted}-{n}", body=body).status_code for n in range(2)] == statuses


def _mailgun(gateway: GatewayUnderTest, token: str, event_id: str) -> TestResponse:
    stamp = str(gateway.clock.now_us() // 1_000_000)
    signature = hmac.new(SECRET.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
    document = {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": {"event": "delivered", "id": event_id},
    }
    return gateway.client.post("/webhooks/mailgun", json=document)


def test_a_token_that_is_used_once_authenticates_one_body(gateway: GatewayUnderTest) -> None:
    gateway.source("mailgun", "mailgun", SECRET)
    accepted = _status(_mailgun(gateway, "t-1", "e-1"))
    assert _status(_mailgun(gateway, "t-1", "e-1")) == ("duplicate", accepted[1])
    forged = _mailgun(gateway, "t-1", "e-2")
    assert (forged.status_code, code(forged)) == (401, "replayed")
    # Sent again by the vendor, under a token of its own: the same event.
    assert _status(_mailgun(gateway, "t-2", "e-1")) == ("duplicate", accepted[1])
    assert _status(_mailgun(gateway, "t-3", "e-3"))[0] == "accepted"


def _checkout(gateway: GatewayUnderTest, body: bytes) -> TestResponse:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return gateway.client.post("/webhooks/checkout", data=body, headers={"Cko-Signature": signature})


def test_what_the_purge_forgot_is_known_all_the_same_until_its_proof_expires(gateway: GatewayUnderTest) -> None:
    gateway.source("checkout", "checkout-com", SECRET)
    accepted = _status(_checkout(gateway, b'{"id": "evt_1", "type": "paid"}'))
    gateway.clock.advance(31 * DAY_SECONDS)
    assert _purge(gateway) == 0
    assert _status(_checkout(gateway, b'{"id": "evt_1", "type": "paid"}')) == ("duplicate", accepted[1])
    gateway.clock.advance(60 * DAY_SECONDS)
    assert _purge(gateway) == 1
    assert _status(_checkout(gateway, b'{"id": "evt_1", "type": "paid"}'))[0] == "accepted"


def test_equal_bodies_without_an_id_are_two_events_unless_it_is_asked_for(gateway: GatewayUnderTest) -> None:
    gateway.source("checkout", "checkout-com", SECRET)
    first, second = (_status(_checkout(gateway, b'{"type": "ping"}')) for _ in range(2))
    assert first[0] == second[0] == "accepted"
    with gateway.acting() as acting:
        change_source(acting, "checkout", SourceChange(refuse_replays=True))
    gateway.refresh()
    first, second = (_status(_checkout(gateway, b'{"type": "pong"}')) for _ in range(2))
    assert (first[0], second) == ("accepted", ("duplicate", first[1]))


def test_a_form_that_is_cut_into_other_fields_is_not_another_event(gateway: GatewayUnderTest) -> None:
    gateway.source("mandrill", "mandrill", SECRET)
    events = json.dumps([{"event": "send", "_id": "m-1"}])
    text = "mandrill_events" + events
    digest = hmac.new(SECRET.encode(), f"{gateway.settings.base_url}/webhooks/mandrill{text}".encode(), hashlib.sha1)
    headers = {"X-Mandrill-Signature": b64encode(digest.digest()).decode()}

    def post(**fields: str) -> TestResponse:
        return gateway.client.post("/webhooks/mandrill", data=fields, headers=headers)

    accepted = _status(post(mandrill_events=events))
    assert _status(post(mandrill_events=events)) == ("duplicate", accepted[1])
    # The signature covers names and values one behind the other: it fits however they are cut.
    at = text.index("send")
    for fields in ({text[:10]: text[10:]}, {"mandrill_events": text[15:at], text[at:]: ""}):
        cut = post(**fields)
        assert (cut.status_code, code(cut)) == (401, "replayed")
    assert [event.dedupe_key for event in gateway.events()] == ["m-1"]


def test_what_twilio_signed_is_not_divided_in_another_way(gateway: GatewayUnderTest) -> None:
    gateway.source("sms", "twilio", SECRET)
    address = f"{gateway.settings.base_url}/webhooks/sms"
    # What somebody writes into a message is part of what is signed.
    fields = {"AccountSid": "AC1", "Body": "hiFrom+1999", "From": "+1555", "SmsStatus": "received"}

    def signed(query: str = "") -> dict[str, str]:
        text = f"{address}{query}" + "".join(f"{name}{value}" for name, value in sorted(fields.items()))
        return {
            "X-Twilio-Signature": b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
        }

    def post(given: Mapping[str, str], headers: dict[str, str], query: str = "") -> TestResponse:
        return gateway.client.post(f"/webhooks/sms{query}", data=given, headers=headers)

    assert _status(post(fields, signed()))[0] == "accepted"
    # A caller who presses the same digit twice is signed for alike.
    again = _status(post(fields, signed()))
    assert again[0] == "accepted"
    token = signed() | {"I-Twilio-Idempotency-Token": "t-1"}
    first = _status(post(fields, token))
    assert (first[0], _status(post(fields, token))) == ("accepted", ("duplicate", first[1]))
    for cut in (
        {"AccountSid": "AC1", "Body": "hi", "From": "+1999From+1555", "SmsStatus": "received"},
        {"AccountSidAC1BodyhiFrom+1999From+1555SmsStatusreceived": ""},
    ):
        refused = post(cut, signed())
        assert (refused.status_code, code(refused)) == (401, "replayed")
    # Nor are its fields put into the URL, which is what is signed of a GET.
    asked = signed("?to=app")
    assert _status(post(fields, asked, "?to=app"))[0] == "accepted"
    text = "".join(f"{name}{value}" for name, value in sorted(fields.items()))
    moved = gateway.client.get(f"/webhooks/sms?to=app{text}", headers=asked)
    assert (moved.status_code, code(moved)) == (401, "replayed")
    assert len(gateway.events()) == 4


def test_proofs_of_one_source_are_no_matter_of_another(gateway: GatewayUnderTest) -> None:
    for slug in ("one", "other"):
        gateway.source(slug, "github", SECRET, refuse_replays=True)
    assert _status(gateway.github("one", key="d-1"))[0] == _status(gateway.github("other", key="d-2"))[0] == "accepted"
