"""Failed verifications are limited by source and address, and nobody else pays for it."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

import pytest

from gateway.webhooks.arrival import Arrival
from gateway.webhooks.receive.ingest import LARGE_BODY_BYTES
from gateway.webhooks.receive.progress import BlockingStep, wait_for_answer
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.management import rotate_credential
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest, code

LIMIT = 60


def fail(gateway: GatewayUnderTest, times: int = LIMIT) -> None:
    for number in range(times):
        assert code(gateway.github(key=str(number), secret="wrong")) == "signature_mismatch"


def test_who_fails_too_often_is_told_to_wait_and_leaves_nothing(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    fail(gateway)
    answers = [gateway.github(secret="wrong") for _ in range(20)]
    assert {(answer.status_code, code(answer)) for answer in answers} == {(429, "rate_limited")}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 120 for answer in answers)
    assert len(gateway.rejections()) == LIMIT
    # Another source, and another address, are not meant.
    gateway.source("second", "github", SECRET)
    gateway.refresh()
    assert gateway.github("second", secret="wrong").status_code == 401
    assert gateway.github(secret="wrong", address="192.0.2.1").status_code == 401


def test_what_verifies_is_taken_whoever_else_comes_from_its_address(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    fail(gateway, LIMIT)
    for number in range(5):
        assert gateway.github(secret="wrong").status_code == 429
        assert gateway.github(key=f"honest-{number}").json["status"] == "accepted"
        # A large body whose signature lies in a header is as cheap to verify.
        large = b"x" * (LARGE_BODY_BYTES + 1)
        assert gateway.github(key=f"large-{number}", body=large).json["status"] == "accepted"
    assert len(gateway.events()) == 10


def test_a_vendor_is_heard_as_soon_as_its_secret_is_right(gateway: GatewayUnderTest) -> None:
    mailgun_key = "the right key"
    gateway.source("mailgun", "mailgun", "mistyped")
    body = large_mail(gateway, mailgun_key)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    seen = [gateway.client.post("/webhooks/mailgun", data=body, headers=headers).status_code for _ in range(70)]
    assert seen[0] == 401
    assert seen[-1] == 429
    with gateway.acting() as acting:
        rotate_credential(acting, "mailgun", CredentialDraft(value=mailgun_key))
    gateway.refresh()
    answers = [gateway.client.post("/webhooks/mailgun", data=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3


def large_mail(gateway: GatewayUnderTest, key: str) -> bytes:
    stamp, token = str(gateway.clock.now_us() // 1_000_000), "t" * 50
    signature = hmac.new(key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
    fields = {"timestamp": stamp, "token": token, "signature": signature, "body": "x" * LARGE_BODY_BYTES}
    return urlencode(fields).encode()


@pytest.mark.parametrize(("size", "is_large"), [(LARGE_BODY_BYTES, False), (LARGE_BODY_BYTES + 1, True)])
def test_a_large_body_is_judged_and_routed_off_the_loop(gateway: GatewayUnderTest, size: int, is_large: bool) -> None:
    gateway.source("github", "github", SECRET)
    gateway.route("github", where="`true`")
    body = b'{"x": "'.ljust(size - 2, b"x") + b'"}'
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = (("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "d"), ("X-Hub-Signature-256", signature))
    arrival = Arrival("default", "github", "POST", "/", headers, body, "127.0.0.1", "req", gateway.clock.now_us(), 0.0)
    ingest = gateway.inbound.ingest
    assert ingest.warm()
    progress = ingest.begin(arrival)
    assert isinstance(progress, BlockingStep) is is_large
    if isinstance(progress, BlockingStep):
        assert progress.is_large
    assert wait_for_answer(progress).status == 200
    assert len(gateway.deliveries()) == 1
