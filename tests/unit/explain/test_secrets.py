"""Mistakes with secrets are named: another source's, an ended one, one with a newline or quotes, decoded wrongly."""

from __future__ import annotations

import base64

import pytest

from gateway.providers import catalogue
from gateway.webhooks.explain import OldCredential, OtherSource, explain
from gateway.webhooks.verification import Credentials
from tests.unit.explain.conftest import BODY, NOW, SECRET, base64_hmac, case, explained, github_headers, hex_hmac

KEY = b"\x01\x02 raw key bytes of thirty-two \xff\xfe"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()


def standard_webhooks(key: bytes, body: bytes = BODY) -> list[tuple[str, str]]:
    signature = base64_hmac(key, b"msg_1.%d.%s" % (NOW, body))
    return [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", str(int(NOW))),
        ("webhook-signature", f"v1,{signature}"),
    ]


def test_the_secret_of_another_source() -> None:
    others = [OtherSource("other", catalogue()["github"], "sha256", Credentials(secrets=["theirs"]))]
    found = explain(case("github", github_headers("theirs"), others=others))
    assert found.findings[0].cause == "other_source"
    assert "source other" in found.findings[0].sentence


def test_the_request_of_another_source_of_another_provider() -> None:
    others = [OtherSource("pay", catalogue()["stripe"], None, Credentials(secrets=["whsec_x"]))]
    signature = hex_hmac("whsec_x", b"%d.%s" % (NOW, BODY))
    found = explain(case("github", [("Stripe-Signature", f"t={int(NOW)},v1={signature}")], others=others))
    assert found.findings[0].cause == "other_source"
    assert "belongs to the source pay (Stripe)" in found.findings[0].sentence


def test_a_secret_that_has_ended() -> None:
    ended = [OldCredential("secret", "the old one", "2026-11-01T00:00+00:00")]
    found = explain(case("github", github_headers("the old one"), ended=ended))
    assert found.findings[0].cause == "credential_ended"
    assert "2026-11-01" in found.findings[0].sentence


@pytest.mark.parametrize("held", [f"{SECRET}\n", f" {SECRET}", f'"{SECRET}"', f"'{SECRET}'\n", f"SECRET={SECRET}"])
def test_the_secret_here_has_something_around_it(held: str) -> None:
    assert explained("github", github_headers(), secrets=[held]) == ("credential_written", "proven")


@pytest.mark.parametrize("sent", [f"{SECRET}\n", f"{SECRET}\r\n", f"{SECRET} ", f'"{SECRET}"', f"'{SECRET}'"])
def test_the_sender_s_secret_has_something_around_it(sent: str) -> None:
    assert explained("github", github_headers(sent)) == ("credential_written", "proven")


def test_the_token_of_a_token_scheme_has_a_newline() -> None:
    headers = [("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", SECRET)]
    assert explained("gitlab", headers, secrets=[f"{SECRET}\n"]) == ("credential_written", "proven")


def test_a_password_has_a_blank() -> None:
    word = base64.b64encode(b"user:pass").decode()
    held = Credentials(username="user", password="pass ")
    assert explained("chargebee", [("Authorization", f"Basic {word}")], credentials=held)[0] == "credential_written"


@pytest.mark.parametrize("key", [WHSEC.encode(), WHSEC.removeprefix("whsec_").encode()])
def test_not_decoded_where_it_should_be(key: bytes) -> None:
    headers = standard_webhooks(key)
    assert explained("standard-webhooks", headers, secrets=[WHSEC]) == ("credential_encoding", "proven")


@pytest.mark.parametrize("key", [KEY, base64.b64decode(base64.b64encode(KEY))])
def test_decoded_where_it_should_not_be(key: bytes) -> None:
    secret = base64.b64encode(KEY).decode()
    assert explained("github", github_headers(key), secrets=[secret]) == ("credential_encoding", "proven")


def test_hex_decoded_where_it_should_not_be() -> None:
    assert explained("github", github_headers(KEY), secrets=[KEY.hex()]) == ("credential_encoding", "proven")


def test_decoded_twice() -> None:
    secret = "whsec_" + base64.b64encode(base64.b64encode(KEY)).decode()
    assert explained("standard-webhooks", standard_webhooks(KEY), secrets=[secret])[0] == "credential_encoding"


def test_a_secret_of_another_kind() -> None:
    found = explain(case("stripe", [("Stripe-Signature", f"t={int(NOW)},v1={'ab' * 32}")], secrets=["sk_live_abcdef"]))
    assert "credential_kind" in [finding.cause for finding in found.findings]


def test_a_live_event_for_a_test_secret() -> None:
    body = b'{"livemode": true}'
    headers = [("X-Signature", "ab" * 32)]
    found = explain(case("lemon-squeezy", headers, body, secrets=["whsec_test_abcdef"]))
    assert "live event" in str([finding.sentence for finding in found.findings if finding.cause == "credential_kind"])


def test_no_secret_at_all() -> None:
    assert explained("github", github_headers(), secrets=[]) == ("no_credential", "likely")
    pending = Credentials(pending_handshake=True)
    found = explain(case("asana", [("X-Hook-Signature", "ab" * 32)], credentials=pending))
    assert "still awaits" in found.findings[0].sentence


def test_a_wrong_secret_is_called_likely_and_not_proven() -> None:
    assert explained("github", github_headers("nobody knows")) == ("wrong_credential", "likely")
