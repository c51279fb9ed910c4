"""Handshakes through the real application: every one of the catalogue, over GET, POST, HEAD and OPTIONS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.signing import SigningKey
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.outgoing.document import FetchedResponse
from gateway.providers import catalogue
from gateway.security.keyfile import load_keyring
from gateway.tenants.acting import act
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.material import MaterialStore
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.handshakes import Handshakes
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source, await_credential
from gateway.webhooks.sources.models import SourceCredential
from gateway.webhooks.sources.search import show_source
from gateway.webhooks.sources.summary import SourceSummary
from gateway.webhooks.verification import Handshake
from tests.integration.webhooks.conftest import GatewayUnderTest, code
from tests.services.acting import TESTER
from tests.services.keys import rsa_key as shared_rsa_key
from tests.services.slugs import UNGUESSABLE
from tests.unit.verification.conftest import GREETINGS

SECRET = "a-secret-of-these-tests"
# Some of them demand one that nobody guesses.
SLUG = UNGUESSABLE
# Their certificates and confirmations are fetched: they have a test of their own.
FETCHING = {"aws-sns"}

# An answer that stores nothing is the same whatever database is behind; one that stores has a test on both.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _send(
    gateway: GatewayUnderTest, method: str, headers: list[tuple[str, str]], body: bytes = b"", query: str = ""
) -> TestResponse:
    path = f"/webhooks/{SLUG}" + (f"?{query}" if query else "")
    return gateway.client.open(path, method=method, headers=headers, data=body)


def _at(gateway: GatewayUnderTest, seconds: float) -> None:
    gateway.clock.jump(seconds - gateway.clock.now_us() / 1_000_000)


def _add(gateway: GatewayUnderTest, vector: Any) -> None:
    """The source that the vector is meant for."""
    held = vector.credentials
    credentials = {"secret": held.secrets[0]} if held.secrets else {}
    credentials |= {"public_key": held.public_key} if held.public_key else {}
    scheme = vector.scheme.id if vector.provider.webhook.choose == "operator" else None
    options = dict(held.options)
    gateway.source(SLUG, vector.provider.id, credentials=credentials, scheme=scheme, options=options)


def _no_fetch(url: str) -> FetchedResponse:
    raise AssertionError(url)


def _arrival() -> Arrival:
    return Arrival("default", SLUG, "POST", "", (), b"", "192.0.2.7", "req_1", 0, 0.0)


def _shown(gateway: GatewayUnderTest) -> SourceSummary:
    with gateway.acting(write=False) as acting:
        return show_source(acting, SLUG)


@on_one_database
@pytest.mark.parametrize(
    "vector", [one for one in GREETINGS if one.provider.id not in FETCHING], ids=lambda vector: vector.id
)
def test_the_vendor_gets_its_answer(gateway: GatewayUnderTest, vector: Any) -> None:
    _at(gateway, vector.now)
    _add(gateway, vector)
    request, expected = vector.request, vector.expected["handshake"]
    answer = _send(gateway, request.method, request.headers, request.body, urlsplit(request.url).query)
    assert answer.status_code == expected["status"], answer.data
    for name, value in expected.get("headers", {}).items():
        assert answer.headers[name] == value
    if "content_type" in expected:
        assert answer.mimetype == expected["content_type"]
    if "json" in expected or "json_body" in expected:
        assert answer.json == expected.get("json", expected.get("json_body"))
    else:
        assert answer.data.decode() == expected.get("body", "")
    assert gateway.events() == []
    assert gateway.rejections() == []
    assert answer.headers["X-Request-Id"]


@on_one_database
@pytest.mark.parametrize(
    "vector",
    [one for one in GREETINGS if one.provider.id not in FETCHING and one.credentials.secrets],
    ids=lambda vector: vector.id,
)
def test_what_is_signed_or_proven_is_refused_with_another_secret(gateway: GatewayUnderTest, vector: Any) -> None:
    _at(gateway, vector.now)
    _add(gateway, vector)
    request = vector.request
    query = urlsplit(request.url).query.replace("verify_token=", "verify_token=other")
    proven = "verify_token" in query
    (handshake,) = [one for one in vector.provider.webhook.handshakes if one.id == vector.judge().handshake.id]
    if not handshake.signed and not proven:
        return
    headers = [(name, value[:-6] + "AAAAA=" if "ignature" in name else value) for name, value in request.headers]
    answer = _send(gateway, request.method, headers, request.body, query)
    assert answer.status_code == 401
    assert len(gateway.rejections()) == 1


def _by_hand() -> list[Any]:
    """Handshakes for which there is no vector: (provider, credentials, method, headers, body, status)."""
    key = SigningKey(b"a seed of thirty-two bytes, fine")
    rsa_key = shared_rsa_key()
    rsa_public = base64.b64encode(
        rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    ping, body, hook = b'{"type":0,"application_id":"a"}', b'{"subscription":{"type":"x"}}', b'{"event":"webhook"}'
    at = "2026-01-01T00:00:00Z"

    def mac(text: bytes) -> str:
        return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()

    secret = {"secret": SECRET}
    form = ("Content-Type", "application/x-www-form-urlencoded")
    return [
        (
            "discord",
            {"public_key": key.verify_key.encode().hex()},
            [("X-Signature-Timestamp", "1"), ("X-Signature-Ed25519", key.sign(b"1" + ping).signature.hex())],
            ping,
            204,
        ),
        ("github", secret, [("X-GitHub-Event", "ping"), ("X-Hub-Signature-256", f"sha256={mac(b'{}')}")], b"{}", 200),
        (
            "google-channel",
            secret,
            [("X-Goog-Resource-State", "sync"), ("X-Goog-Channel-Token", SECRET), ("X-Goog-Message-Number", "1")],
            b"",
            200,
        ),
        (
            "twitch",
            secret,
            [
                ("Twitch-Eventsub-Message-Type", "revocation"),
                ("Twitch-Eventsub-Message-Id", "m"),
                ("Twitch-Eventsub-Message-Timestamp", at),
                ("Twitch-Eventsub-Message-Signature", f"sha256={mac(b'm' + at.encode() + body)}"),
            ],
            body,
            204,
        ),
        ("viber", secret, [("X-Viber-Content-Signature", mac(hook))], hook, 200),
        (
            "wise",
            {"public_key": rsa_public},
            [
                ("X-Test-Notification", "true"),
                ("X-Signature-SHA256", base64.b64encode(rsa_key.sign(b"{}", PKCS1v15(), SHA256())).decode()),
            ],
            b"{}",
            200,
        ),
        ("woocommerce", secret, [form], b"webhook_id=7", 200),
    ]


BY_HAND = _by_hand()


@on_one_database
@pytest.mark.parametrize(
    ("provider", "credentials", "headers", "body", "status"), BY_HAND, ids=lambda value: str(value)[:14]
)
def test_handshakes_without_a_vector(
    gateway: GatewayUnderTest,
    provider: str,
    credentials: dict[str, str],
    headers: list[tuple[str, str]],
    body: bytes,
    status: int,
) -> None:
    gateway.source(SLUG, provider, credentials=credentials)
    answer = _send(gateway, "POST", headers, body)
    assert (answer.status_code, answer.data) == (status, b"")
    assert gateway.events() == []


def test_every_handshake_of_the_catalogue_is_driven_here() -> None:
    named = {
        (provider.id, handshake.id) for provider in catalogue().values() for handshake in provider.webhook.handshakes
    }
    assert len(named) == 31
    driven = {(vector.provider.id, vector.judge().handshake.id) for vector in GREETINGS}
    assert len(driven) + len(BY_HAND) == 31
    assert {provider for provider, _id in named} == {one for one, _id in driven} | {one[0] for one in BY_HAND}


@pytest.mark.parametrize("provider", ["asana", "notion"])
def test_a_secret_is_taken_once_sealed_and_used(gateway: GatewayUnderTest, provider: str) -> None:
    (vector,) = [one for one in GREETINGS if one.provider.id == provider]
    _add(gateway, vector)
    before = _shown(gateway)
    assert (before.pending_handshake, before.confirmed_at, before.credentials) == (True, None, ())
    request = vector.request
    answered = _send(gateway, "POST", request.headers, request.body)
    assert answered.status_code == 200
    gateway.refresh()
    after = _shown(gateway)
    assert (after.pending_handshake, after.live_secrets) == (False, 1)
    assert after.confirmed_at == from_us(gateway.clock.now_us())
    assert (after.confirmed_from, after.confirmed_request_id) == ("127.0.0.1", answered.headers["X-Request-Id"])
    brought = vector.expected["handshake"]["store_secret"]
    with gateway.database.system_session() as session:
        (row,) = session.scalars(select(SourceCredential)).all()
    assert brought.encode() not in row.sealed_value

    header, prefix = {"asana": ("X-Hook-Signature", ""), "notion": ("X-Notion-Signature", "sha256=")}[provider]
    body = b'{"events":[{"action":"changed"}],"type":"page.created","id":"1"}'
    signature = prefix + hmac.new(brought.encode(), body, hashlib.sha256).hexdigest()
    json_type = ("Content-Type", "application/json")
    assert _send(gateway, "POST", [json_type, (header, signature)], body).status_code == 200
    assert len(gateway.events()) == 1
    # Whoever comes now with a secret of his own is refused, and changes nothing.
    other = [(name, value.replace(brought, brought + "x")) for name, value in request.headers]
    again = _send(gateway, "POST", other, request.body.replace(brought.encode(), brought.encode() + b"x"))
    assert again.status_code == 401
    assert _shown(gateway).live_secrets == 1
    # The vendor, if it did not hear the answer, may ask for it again.
    assert _send(gateway, "POST", request.headers, request.body).status_code == 200
    assert _shown(gateway) == after


@on_one_database
def test_what_was_not_stored_is_not_answered(gateway: GatewayUnderTest) -> None:
    """A process that does not know yet that another one has taken a secret."""
    gateway.source(SLUG, "asana")
    ingest = gateway.inbound.ingest
    stale = ingest.snapshot.current().sources["default", SLUG]
    assert stale.credentials(gateway.clock.now_us()).pending_handshake
    assert _send(gateway, "POST", [("X-Hook-Secret", "a" * 64)]).status_code == 200
    handshakes = Handshakes(gateway.database, load_keyring(gateway.settings), gateway.clock, _no_fetch)
    for secret, status in (("b" * 64, 401), ("a" * 64, 200)):
        handshake = Handshake(200, {"X-Hook-Secret": secret}, store_secret=secret)
        assert handshakes.finish(_arrival(), stale, handshake).status == status
    assert _shown(gateway).live_secrets == 1


def test_of_two_secrets_that_come_at_once_one_counts(settings: Settings, fake_clock: FakeClock) -> None:
    with Installation(settings, clock=fake_clock) as installation:
        with act(installation, actor=TESTER, write=True) as acting:
            add_source(acting, SourceDraft(SLUG, "asana"))
        source = inbound_of(installation).ingest.snapshot.current().sources["default", SLUG]
        handshakes = Handshakes(installation.database, installation.keyring, fake_clock, _no_fetch)
        both_store = threading.Barrier(2)

        # Whoever is about to store waits for the other one to come as far, which it must not.
        @event.listens_for(installation.database.engine, "before_cursor_execute")
        def meet(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if statement.startswith("INSERT INTO source_credentials"):
                with suppress(threading.BrokenBarrierError):
                    both_store.wait(0.5)

        def bring(secret: str) -> int:
            return handshakes.finish(_arrival(), source, Handshake(200, store_secret=secret)).status

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(bring, ("a" * 64, "b" * 64))) == [200, 401]
        with act(installation, actor=TESTER) as acting:
            assert show_source(acting, SLUG).live_secrets == 1


@on_one_database
def test_an_operator_lets_another_secret_come(gateway: GatewayUnderTest) -> None:
    gateway.source(SLUG, "asana")
    for number, secret in enumerate(("a" * 64, "b" * 64), 1):
        assert _send(gateway, "POST", [("X-Hook-Secret", secret)]).status_code == 200
        assert _shown(gateway).live_secrets == number
        with gateway.acting() as acting:
            awaiting = await_credential(acting, SLUG)
        assert awaiting.pending_handshake
        gateway.refresh()
    body = b'{"events":[{"action":"changed"}]}'
    for secret in ("a" * 64, "b" * 64):
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert _send(gateway, "POST", [("X-Hook-Signature", signature)], body).status_code == 200
    # The one that counted when the next one came ends a day later.
    old, new = sorted(_shown(gateway).credentials, key=lambda one: one.expires_at is None)
    assert old.expires_at == from_us(gateway.clock.now_us()) + timedelta(hours=24)
    assert new.expires_at is None


@on_one_database
def test_a_source_whose_address_can_be_guessed_awaits_nothing(gateway: GatewayUnderTest) -> None:
    gateway.source("tasks", "asana", "a secret that was given")
    with gateway.acting() as acting, pytest.raises(InvalidInput, match="unguessable"):
        await_credential(acting, "tasks")
    gateway.source("github", "github", SECRET)
    with gateway.acting() as acting, pytest.raises(InvalidInput, match="hands over no secret"):
        await_credential(acting, "github")


def test_sns_is_confirmed_by_fetching_from_amazon_alone(gateway: GatewayUnderTest) -> None:
    (vector,) = [one for one in GREETINGS if one.provider.id == "aws-sns"]
    _at(gateway, vector.now)
    gateway.source(SLUG, "aws-sns", options={"topic_arn": json.loads(vector.request.body)["TopicArn"]})
    asked: list[str] = []

    def fetch(url: str) -> FetchedResponse:
        asked.append(url)
        return FetchedResponse(200, {}, vector.credentials.certs.get(url, "").encode())

    # The edge is exchanged: what would go out to Amazon is answered here.
    ingest = gateway.inbound.ingest
    ingest._material = MaterialStore(gateway.clock, fetch)
    ingest._handshakes = Handshakes(gateway.database, load_keyring(gateway.settings), gateway.clock, fetch)
    request = vector.request
    assert _send(gateway, "POST", request.headers, request.body).status_code == 200
    certificate, confirmation = asked
    assert certificate in vector.credentials.certs
    assert confirmation == vector.expected["handshake"]["fetch"]

    elsewhere = json.loads(request.body) | {"SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.example/x.pem"}
    refused = _send(gateway, "POST", request.headers, json.dumps(elsewhere).encode())
    assert code(refused) == "signature_malformed"
    assert len(asked) == 2


def test_sns_of_another_account_is_neither_taken_nor_confirmed(gateway: GatewayUnderTest) -> None:
    (vector,) = [one for one in GREETINGS if one.provider.id == "aws-sns"]
    _at(gateway, vector.now)
    gateway.source(SLUG, "aws-sns", options={"topic_arn": "arn:aws:sns:us-east-1:999999999999:T"})
    asked: list[str] = []

    def fetch(url: str) -> FetchedResponse:
        asked.append(url)
        return FetchedResponse(200, {}, vector.credentials.certs[url].encode())

    ingest = gateway.inbound.ingest
    ingest._material = MaterialStore(gateway.clock, fetch)
    ingest._handshakes = Handshakes(gateway.database, load_keyring(gateway.settings), gateway.clock, fetch)
    refused = _send(gateway, "POST", vector.request.headers, vector.request.body)
    assert (refused.status_code, code(refused)) == (401, "signature_mismatch")
    assert asked == list(vector.credentials.certs)


@on_one_database
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_such_a_request_is_no_event_of_a_provider_without_handshake(gateway: GatewayUnderTest, method: str) -> None:
    gateway.source(SLUG, "stripe", SECRET)
    assert _send(gateway, method, []).status_code in (401, 405)
    assert gateway.events() == []


@on_one_database
def test_the_answer_is_never_taken_for_a_page(gateway: GatewayUnderTest) -> None:
    gateway.source(SLUG, "dropbox", SECRET)
    answer = _send(gateway, "GET", [], query="challenge=%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@on_one_database
def test_dropbox_sign_gets_the_words_it_insists_on(gateway: GatewayUnderTest) -> None:
    gateway.source(SLUG, "dropbox-sign", SECRET)
    event = {"event_time": "1700000000", "event_type": "signature_request_sent"}
    event["event_hash"] = hmac.new(SECRET.encode(), b"1700000000signature_request_sent", hashlib.sha256).hexdigest()
    answer = gateway.client.post(f"/webhooks/{SLUG}", data={"json": json.dumps({"event": event})})
    assert answer.status_code == 200
    assert answer.data == b"Hello API Event Received"
    assert answer.mimetype == "text/plain"
