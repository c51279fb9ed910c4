"""Handshakes: answered as the vendor wants, without their proof not at all."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key

URL = "https://gw.example.com/webhooks/x"


def send(
    provider_id: str,
    *,
    method: str = "POST",
    query: str = "",
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    credentials: Credentials | None = None,
) -> Verdict:
    request = InboundRequest(method, URL + query, headers or [], body)
    return judge(catalogue()[provider_id], request, credentials or Credentials(secrets=["s"]), now=0.0)


META = Credentials(secrets=["s"], options={"verify_token": "tok"})


def test_meta() -> None:
    good = send(
        "meta", method="GET", query="?hub.mode=subscribe&hub.challenge=1&hub.verify_token=tok", credentials=META
    )
    assert good.handshake is not None
    assert good.handshake.body == b"1"
    # Nobody has proved anything: there is no event to store.
    assert (good.accepted, good.reason) == (False, None)


@for_each_row(
    ("query", "credentials", "reason"),
    [
        ("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=other", META, "signature_mismatch"),
        ("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=", META, "signature_mismatch"),
        ("?hub.mode=subscribe&hub.challenge=1", META, "signature_missing"),
        ("?hub.mode=subscribe&hub.verify_token=tok", META, "signature_missing"),
        ("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=tok&hub.verify_token=x", META, "signature_malformed"),
        ("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=tok&hub.challenge=2", META, "signature_malformed"),
        ("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=", Credentials(secrets=["s"]), "signature_mismatch"),
        ("?hub.mode=subscribe&hub.challenge=" + "a" * 9000 + "&hub.verify_token=tok", META, "signature_malformed"),
        ("?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=tok", META, "signature_missing"),
        ("", META, "signature_missing"),
    ],
)
def test_meta_without_its_proof(query: str, credentials: Credentials, reason: str) -> None:
    verdict = send("meta", method="GET", query=query, credentials=credentials)
    assert (verdict.accepted, verdict.handshake, verdict.reason) == (False, None, reason)


SECRET_BRINGERS: list[tuple[str, dict[str, Any]]] = [
    ("asana", {"headers": [("X-Hook-Secret", "new-secret")]}),
    ("notion", {"body": b'{"verification_token": "new-secret"}'}),
]


@pytest.mark.parametrize(("provider_id", "request_parts"), SECRET_BRINGERS)
def test_secret_is_taken_only_while_one_is_awaited(provider_id: str, request_parts: dict[str, Any]) -> None:
    pending = send(provider_id, credentials=Credentials(pending_handshake=True), **request_parts)
    assert pending.handshake is not None
    assert pending.handshake.store_secret == "new-secret"
    assert "new-secret" not in repr(pending)
    for credentials in (Credentials(), Credentials(secrets=["s"])):
        verdict = send(provider_id, credentials=credentials, **request_parts)
        assert (verdict.accepted, verdict.handshake) == (False, None)


@pytest.mark.parametrize("secret", ["", "a\r\nSet-Cookie: x", "a\x00", "é", "a" * 9000])
def test_secret_that_cannot_be_one(secret: str) -> None:
    verdict = send("asana", headers=[("X-Hook-Secret", secret)], credentials=Credentials(pending_handshake=True))
    assert (verdict.accepted, verdict.handshake) == (False, None)


def test_secret_header_twice() -> None:
    twice = [("X-Hook-Secret", "a"), ("x-hook-secret", "b")]
    verdict = send("asana", headers=twice, credentials=Credentials(pending_handshake=True))
    assert (verdict.handshake, verdict.reason) == (None, "signature_malformed")


def test_options_request() -> None:
    headers = [("WebHook-Request-Origin", "emitter.example")]
    answer = send("cloudevents-webhook", method="OPTIONS", headers=headers).handshake
    assert answer is not None
    assert dict(answer.headers) == {"WebHook-Allowed-Origin": "emitter.example", "Allow": "POST"}


def test_answer_header_cannot_be_forged() -> None:
    verdict = send("ringcentral", headers=[("Validation-Token", "x\r\nSet-Cookie: a=b")])
    assert (verdict.handshake, verdict.reason) == (None, "signature_malformed")


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST", "PUT"])
def test_method_counts(method: str) -> None:
    assert (send("trello", method=method).handshake is not None) is (method == "HEAD")
    assert (send("mailchimp", method=method).handshake is not None) is (method == "GET")


SIGNED_CHALLENGES: list[tuple[str, dict[str, Any]]] = [
    ("slack", {"body": b'{"type": "url_verification", "challenge": "c"}'}),
    ("zoom", {"body": b'{"event": "endpoint.url_validation", "payload": {"plainToken": "c"}}'}),
    ("discord", {"body": b'{"type": 1, "application_id": "a", "token": "t"}'}),
    ("viber", {"body": b'{"event": "webhook"}'}),
    ("xero", {"body": b'{"events": []}'}),
    ("front", {"headers": [("X-Front-Challenge", "c")]}),
    ("twitch", {"headers": [("Twitch-Eventsub-Message-Type", "webhook_callback_verification")]}),
    ("github", {"headers": [("X-GitHub-Event", "ping")]}),
    ("google-channel", {"headers": [("X-Goog-Resource-State", "sync")]}),
    ("wise", {"headers": [("X-Test-Notification", "true")]}),
]


@for_each_row(("provider_id", "request_parts"), SIGNED_CHALLENGES)
def test_signed_challenge_without_signature(provider_id: str, request_parts: dict[str, Any]) -> None:
    verdict = send(provider_id, **request_parts)
    assert (verdict.accepted, verdict.handshake, verdict.reason) == (False, None, "signature_missing")


ED25519 = Ed25519PrivateKey.generate()


def hex_hmac(message: bytes) -> str:
    return hmac.new(b"s", message, "sha256").hexdigest()


def test_discord_event_ping() -> None:
    body = b'{"type": 0}'
    headers = [("X-Signature-Ed25519", ED25519.sign(b"1" + body).hex()), ("X-Signature-Timestamp", "1")]
    key = ED25519.public_key().public_bytes_raw().hex()
    answer = send("discord", headers=headers, body=body, credentials=Credentials(public_key=key)).handshake
    assert answer is not None
    assert (answer.id, answer.status, answer.body) == ("event_ping", 204, b"")


def test_wise_test_notification() -> None:
    signature = base64.b64encode(rsa_key().sign(b"{}", padding.PKCS1v15(), hashes.SHA256())).decode()
    spki = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    headers = [("X-Signature-SHA256", signature), ("X-Test-Notification", "true")]
    credentials = Credentials(public_key=base64.b64encode(spki).decode())
    answer = send("wise", headers=headers, body=b"{}", credentials=credentials).handshake
    assert answer is not None
    assert (answer.id, answer.status) == ("test_notification", 200)


def test_viber_set_webhook() -> None:
    body = b'{"event": "webhook"}'
    answer = send("viber", headers=[("X-Viber-Content-Signature", hex_hmac(body))], body=body).handshake
    assert answer is not None
    assert answer.id == "set_webhook"


def test_google_channel_sync() -> None:
    answer = send(
        "google-channel", headers=[("X-Goog-Channel-Token", "s"), ("X-Goog-Resource-State", "sync")]
    ).handshake
    assert answer is not None
    assert answer.id == "sync"


def test_twitch_revocation() -> None:
    headers = [
        ("Twitch-Eventsub-Message-Id", "m1"),
        ("Twitch-Eventsub-Message-Timestamp", "1970-01-01T00:00:00Z"),
        ("Twitch-Eventsub-Message-Type", "revocation"),
        ("Twitch-Eventsub-Message-Signature", "sha256=" + hex_hmac(b"m11970-01-01T00:00:00Z{}")),
    ]
    answer = send("twitch", headers=headers, body=b"{}").handshake
    assert answer is not None
    assert (answer.id, answer.status) == ("revocation", 204)


def test_the_answer_to_a_check_of_x_signs_no_event() -> None:
    token = "1234567890"
    checked = send("x-twitter", method="GET", query=f"?crc_token={token}").handshake
    assert checked is not None
    answer = json.loads(checked.body)["response_token"]
    forged = send("x-twitter", headers=[("x-twitter-webhooks-signature", answer)], body=token.encode())
    assert (forged.accepted, forged.reason) == (False, "signature_mismatch")
    # Nor can a check be had for what is an event.
    assert send("x-twitter", method="GET", query="?crc_token=%7B%7D").handshake is None


def test_the_answer_to_a_challenge_of_braintree_signs_no_event() -> None:
    held = Credentials(secrets=["s"], public_key="pub")
    challenge = "0123456789abcdef0123456789abcdef"
    checked = send("braintree", method="GET", query=f"?bt_challenge={challenge}", credentials=held).handshake
    assert checked is not None
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    for payload in (challenge, challenge + "%0A", challenge + "%0D%0A"):
        body = f"bt_signature={quote(checked.body.decode())}&bt_payload={payload}&more=1".encode()
        forged = send("braintree", headers=form, body=body, credentials=held)
        assert (forged.accepted, forged.reason) == (False, "signature_mismatch")


def test_every_handshake_is_tested(vector_of: dict[str, Any]) -> None:
    """By a vector, or by hand here and beside GitHub's signatures."""
    by_hand = {
        ("discord", "event_ping"),
        ("github", "ping"),
        ("google-channel", "sync"),
        ("twitch", "revocation"),
        ("viber", "set_webhook"),
        ("wise", "test_notification"),
        ("woocommerce", "save_ping"),
    }
    by_vector = {
        (vector.provider.id, vector.judge().handshake.id)
        for vector in vector_of.values()
        if vector.expect == "handshake"
    }
    known = {(provider.id, entry.id) for provider in catalogue().values() for entry in provider.webhook.handshakes}
    assert known - by_vector == by_hand


def test_woocommerce_save_ping() -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    assert send("woocommerce", headers=form, body=b"webhook_id=7").handshake is not None
    signed = [*form, ("X-WC-Webhook-Signature", "AAAA")]
    assert send("woocommerce", headers=signed, body=b"webhook_id=7").handshake is None


def test_challenge_is_echoed_as_json_text() -> None:
    challenge = 'a"b\\c</script>\u2028'
    answer = send("monday", body=json.dumps({"challenge": challenge}).encode()).handshake
    assert answer is not None
    assert json.loads(answer.body) == {"challenge": challenge}


@pytest.mark.parametrize(
    ("provider_id", "query"),
    [
        ("x-twitter", "?crc_token=%7B%22tweet_create_events%22%3A%5B%5D%7D"),
        ("x-twitter", "?crc_token="),
        ("braintree", "?bt_challenge=PG5vdGlmaWNhdGlvbj48L25vdGlmaWNhdGlvbj4%3D"),
        ("braintree", "?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53%0A"),
    ],
)
def test_challenges_do_not_sign_bodies(provider_id: str, query: str) -> None:
    """Whoever asks gets the keyed hash of the challenge; it must never be one that fits an event."""
    credentials = Credentials(secrets=["s"], public_key="p")
    verdict = send(provider_id, method="GET", query=query, credentials=credentials)
    assert (verdict.handshake, verdict.reason) == (None, "signature_mismatch")
