"""Our signatures against the Standard Webhooks library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.delivery.sending.signing import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@given(body=st.text(max_size=200), key=st.binary(min_size=1, max_size=64))
def test_it_agrees_with_the_library(body: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ours = sign([secret], message_id="evt_1", timestamp=int(at.timestamp()), body=body.encode())
    assert ours == Webhook(secret).sign("evt_1", at, body)


def test_a_receiver_accepts_every_secret_of_a_rotation() -> None:
    now = int(datetime.now(tz=UTC).timestamp())
    new = "whsec_" + base64.b64encode(b"n" * 24).decode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign([SECRET, new], message_id="evt_1", timestamp=now, body=b'{"a": 1}'),
    }
    assert Webhook(SECRET).verify(b'{"a": 1}', headers) == {"a": 1}
    assert Webhook(new).verify(b'{"a": 1}', headers) == {"a": 1}


def test_bytes_that_are_not_text_are_signed_too() -> None:
    assert sign([SECRET], message_id="evt_1", timestamp=1, body=b"\xff\x00").startswith("v1,")


def test_without_secrets_there_is_no_signature() -> None:
    assert sign([], message_id="evt_1", timestamp=1, body=b"") == ""


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_", ""])
def test_a_useless_secret_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="a signing secret is") as caught:
        sign([secret], message_id="evt_1", timestamp=1, body=b"")
    assert "not base64!" not in str(caught.value)
