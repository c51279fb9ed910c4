"""Every signed request of the fixtures gets the verdict that its signer meant."""

from __future__ import annotations

import json
from typing import Any

from gateway.providers import catalogue
from gateway.webhooks.verification import judge
from tests.services.for_each import for_each
from tests.unit.verification.conftest import GREETINGS, VALID, VECTORS


@for_each(VECTORS)
def test_verdict(vector: Any) -> None:
    verdict = vector.judge()
    if vector.expect == "accept":
        assert verdict.accepted, verdict.detail
        assert verdict.reason is None
        assert verdict.event_type == vector.expected["event_type"]
        assert verdict.event_id == vector.expected["event_id"]
        assert verdict.scheme == vector.scheme.id
    elif vector.expect == "reject":
        assert not verdict.accepted
        assert verdict.handshake is None
        assert verdict.reason == "signature_mismatch"
        assert verdict.detail
    else:
        assert verdict.handshake is not None, verdict.detail
        assert verdict.reason is None


@for_each(GREETINGS)
def test_handshake_answer(greeting: Any) -> None:
    expected, answer = greeting.expected["handshake"], greeting.judge().handshake
    assert answer.status == expected["status"]
    assert answer.store_secret == expected.get("store_secret")
    assert answer.fetch == expected.get("fetch")
    headers = dict(expected.get("headers", {}))
    if "content_type" in expected:
        headers["Content-Type"] = expected["content_type"]
    assert dict(answer.headers) == headers
    if "json" in expected or "json_body" in expected:
        assert json.loads(answer.body) == expected.get("json", expected.get("json_body"))
    else:
        assert answer.body.decode() == expected.get("body", "")


@for_each(VALID)
def test_schemes_of_the_request_are_found_without_a_choice(valid: Any) -> None:
    if valid.provider.webhook.choose == "operator":
        return
    verdict = judge(valid.provider, valid.request, valid.credentials, now=valid.now)
    assert verdict.accepted, verdict.detail


def test_every_scheme_has_a_vector(vector_of: dict[str, Any]) -> None:
    proven = {(vector.provider.id, vector.scheme.id) for vector in vector_of.values() if vector.expect == "accept"}
    unproven = {
        (provider.id, scheme.id)
        for provider in catalogue().values()
        for scheme in provider.webhook.schemes
        if not scheme.unsigned and provider.id != "generic"
    }
    assert unproven - proven == set()
