"""Bodies that fit a signature which does not hold them: what can be made of one captured request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from werkzeug.test import TestResponse

from gateway.clock import from_us
from gateway.outgoing.document import FetchedResponse
from gateway.webhooks.material import MaterialStore
from tests.integration.webhooks.conftest import GatewayUnderTest, code
from tests.services.keys import rsa_key

CERTIFICATE_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
WEBHOOK_ID = "1JE4291016473214C"
KEY = rsa_key()


def _certificate(now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "messageverificationcerts.paypal.com")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, now - timedelta(days=2), now + timedelta(days=2))
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


def _with_the_same_checksum(body: bytes, wanted: int) -> bytes:
    """`body` with four bytes behind it that give it the CRC-32 `wanted`: the register is run backwards from there."""
    table = [zlib.crc32(bytes([index]), 0xFFFFFFFF) ^ 0xFFFFFFFF for index in range(256)]
    by_high_byte = {entry >> 24: (index, entry) for index, entry in enumerate(table)}
    indexes, register = [], wanted ^ 0xFFFFFFFF
    for _ in range(4):
        index, entry = by_high_byte[register >> 24]
        indexes.append(index)
        register = ((register ^ entry) << 8) & 0xFFFFFFFF
    register, ending = zlib.crc32(body) ^ 0xFFFFFFFF, bytearray()
    for index in reversed(indexes):
        ending.append((register ^ index) & 0xFF)
        register = (register >> 8) ^ table[(register ^ ending[-1]) & 0xFF]
    return body + bytes(ending)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_body_with_the_checksum_of_paypals_is_refused(gateway: GatewayUnderTest) -> None:
    gateway.source("paypal", "paypal", options={"webhook_id": WEBHOOK_ID})
    certificate = _certificate(from_us(gateway.clock.now_us()))
    gateway.inbound.ingest._material = MaterialStore(gateway.clock, lambda url: FetchedResponse(200, {}, certificate))
    body = json.dumps({"id": "WH-1", "event_type": "PAYMENT.SALE.COMPLETED"}).encode()
    signed = f"transmission-1|2026-11-27T10:00:00Z|{WEBHOOK_ID}|{zlib.crc32(body)}".encode()
    captured = {
        "PAYPAL-TRANSMISSION-ID": "transmission-1",
        "PAYPAL-TRANSMISSION-TIME": "2026-11-27T10:00:00Z",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": CERTIFICATE_URL,
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(KEY.sign(signed, PKCS1v15(), SHA256())).decode(),
    }
    assert gateway.client.post("/webhooks/paypal", data=body, headers=captured).status_code == 200
    forged = _with_the_same_checksum(b'{"id": "WH-2", "event_type": "PAYMENT.SALE.REFUNDED"}', zlib.crc32(body))
    assert zlib.crc32(forged) == zlib.crc32(body)
    refused = gateway.client.post("/webhooks/paypal", data=forged, headers=captured)
    assert (refused.status_code, code(refused)) == (401, "replayed")
    again = gateway.client.post("/webhooks/paypal", data=body, headers=captured)
    assert (again.status_code, again.json["status"]) == (200, "duplicate")
    assert len(gateway.events()) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_json_first", [True, False])
def test_what_mailgun_signed_for_json_is_refused_as_a_form_and_the_other_way(
    gateway: GatewayUnderTest, is_json_first: bool
) -> None:
    """Both of its schemes sign the same text, a time and a token, and each reads the event's id elsewhere."""
    gateway.source("mailgun", "mailgun", "its signing key")
    stamp, token = str(gateway.clock.now_us() // 1_000_000), "used-once"
    signature = hmac.new(b"its signing key", (stamp + token).encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}

    def as_json() -> TestResponse:
        document = {"signature": signed, "event-data": {"event": "delivered", "id": "e-1"}}
        return gateway.client.post("/webhooks/mailgun", json=document)

    def as_form() -> TestResponse:
        return gateway.client.post("/webhooks/mailgun", data=signed | {"subject": "anything"})

    first, second = (as_json, as_form) if is_json_first else (as_form, as_json)
    assert first().status_code == 200
    refused = second()
    assert (refused.status_code, code(refused)) == (401, "replayed")
    assert len(gateway.events()) == 1
