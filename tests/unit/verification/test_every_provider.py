"""The suite that every provider runs: what must hold for each correctly signed request, whoever sent it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.providers.webhook.places import places_of
from gateway.webhooks.verification import Credentials
from tests.services.for_each import for_each
from tests.unit.verification.conftest import VALID, VECTORS

YEAR_SECONDS = 365 * 86_400.0
OTHER_TEXTS = ("", " ", "é", "☃", "\x00", "null", "sha256=", "v1=", "=,=", "a" * 100_000)
UNREADABLE_TIMES = ("", "NaN", "inf", "-1", "1e9", "٣٠٠", "9" * 400, "0x10", " 1795171821", "1795171821 ")


@for_each(VALID)
def test_case_of_header_names_does_not_matter(valid: Any) -> None:
    for change in (str.lower, str.upper, str.title, str.swapcase):
        request = valid.with_headers([(change(name), value) for name, value in valid.request.headers])
        assert valid.judge(request=request) == valid.judge()


@for_each(VALID)
def test_order_of_headers_does_not_matter(valid: Any) -> None:
    request = valid.with_headers([("X-Other", "1"), *reversed(valid.request.headers), ("X-Another", "2")])
    assert valid.judge(request=request) == valid.judge()


@for_each(VALID)
def test_missing_signature(valid: Any) -> None:
    if not valid.proof_headers or valid.scheme.unsigned:
        return
    headers = [pair for pair in valid.request.headers if pair[0].lower() not in valid.proof_headers]
    verdict = valid.judge(request=valid.with_headers(headers))
    assert (verdict.accepted, verdict.reason) == (False, "signature_missing")


@for_each(VALID)
def test_other_text_as_signature(valid: Any) -> None:
    if not valid.proof_headers:
        return
    for text in OTHER_TEXTS:
        verdict = valid.judge(request=valid.with_proofs(lambda _proof, text=text: text))
        assert not verdict.accepted
        assert "could not be judged" not in verdict.detail
        if not text:
            assert verdict.reason == "signature_missing"


@for_each(VALID)
def test_truncated_signature(valid: Any) -> None:
    if not valid.proof_headers:
        return
    for cut in (1, 2, 5):
        assert not valid.judge(request=valid.with_proofs(lambda proof, cut=cut: proof[:-cut])).accepted


@for_each(VALID)
def test_repeated_signature_header(valid: Any) -> None:
    if not valid.proof_headers:
        return
    proofs = [pair for pair in valid.request.headers if pair[0].lower() in valid.proof_headers]
    verdict = valid.judge(request=valid.with_headers([*valid.request.headers, *proofs]))
    assert (verdict.accepted, verdict.reason) == (False, "signature_malformed")
    other = [(name, "x" + value) for name, value in proofs]
    assert not valid.judge(request=valid.with_headers([*other, *valid.request.headers])).accepted


@for_each(VALID)
def test_every_current_secret_is_tried(valid: Any) -> None:
    secrets = valid.credentials.secrets
    if not secrets:
        return
    for rotation in (["d3JvbmcgYnV0IGRlY29kYWJsZQ==", *secrets], [*secrets, "646f6573206e6f7420666974"]):
        verdict = valid.judge(credentials=replace(valid.credentials, secrets=rotation))
        assert verdict.accepted, verdict.detail


@for_each(VALID)
def test_every_current_public_key_is_tried(valid: Any) -> None:
    key = valid.credentials.public_key
    if not key or valid.provider.id == "braintree":
        return
    assert valid.judge(credentials=replace(valid.credentials, public_key=["not a key", key])).accepted
    assert not valid.judge(credentials=replace(valid.credentials, public_key=["not a key"])).accepted


@for_each(VALID)
def test_nothing_is_accepted_without_secrets(valid: Any) -> None:
    if valid.scheme.unsigned:
        return
    for secrets in ([], [""], ["", ""], ""):
        verdict = valid.judge(credentials=Credentials(secrets=secrets, options=valid.credentials.options))
        assert (verdict.accepted, verdict.reason) == (False, "signature_mismatch")
        assert not verdict.events


@for_each(VALID)
def test_stale_and_future_requests(valid: Any) -> None:
    timestamp, jwt = valid.scheme.timestamp, valid.scheme.jwt
    for distance in (YEAR_SECONDS, -YEAR_SECONDS):
        verdict = valid.judge(now=valid.now + distance)
        if timestamp is not None and timestamp.tolerance_seconds is not None:
            assert (verdict.accepted, verdict.reason) == (False, "timestamp_out_of_tolerance")
        elif jwt is not None and ({"exp", "iat", "nbf"} & set(jwt.required)):
            assert not verdict.accepted
        assert "could not be judged" not in verdict.detail


@for_each(VALID)
def test_tolerance_is_exact(valid: Any) -> None:
    timestamp = valid.scheme.timestamp
    if timestamp is None or timestamp.tolerance_seconds is None:
        return
    tolerance = timestamp.tolerance_seconds
    assert valid.judge(now=valid.now + tolerance).accepted
    assert not valid.judge(now=valid.now + tolerance + 1.5).accepted
    assert not valid.judge(now=valid.now - tolerance - 1.5).accepted


@for_each(VALID)
def test_unreadable_timestamps(valid: Any) -> None:
    timestamp = valid.scheme.timestamp
    names = {place.name for place in timestamp.places if place.kind == "header"} if timestamp is not None else set()
    if not names:
        return
    for text in UNREADABLE_TIMES:
        headers = [(name, text if name.lower() in names else value) for name, value in valid.request.headers]
        verdict = valid.judge(request=valid.with_headers(headers))
        assert not verdict.accepted
        if not text:
            assert verdict.reason == "timestamp_missing"
        elif timestamp.tolerance_seconds is not None:
            assert verdict.reason == "signature_malformed"


@for_each(VALID)
def test_every_byte_of_a_signed_body_counts(valid: Any) -> None:
    if not any(place.text == "body" for template in valid.scheme.signs for place in places_of(template)):
        return
    body = valid.request.body
    for altered in (body + b"\n", b" " + body, body[:-1], b"", body.replace(b'"', b"'"), b"\xef\xbb\xbf" + body):
        verdict = valid.judge(request=valid.request._replace(body=altered))
        assert not verdict.accepted
        assert verdict.reason in {"signature_mismatch", "signature_malformed"}


@for_each(VECTORS)
def test_secrets_stay_out_of_details_and_reprs(vector: Any) -> None:
    verdict = vector.judge()
    for secret in (*vector.credentials.secrets, vector.credentials.password):
        if secret and vector.expect != "handshake":
            assert secret not in repr(vector.credentials)
            assert secret not in verdict.detail
            assert secret not in repr(verdict)
