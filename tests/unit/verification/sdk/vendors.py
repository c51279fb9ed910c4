"""Vendors' own Python SDKs behind one port: each verifies a request as its vendor tells customers to; some sign.

Nothing of ours is used here but the plain request. The SDKs are imported by the first test that asks one: they are
slow to import, and every process of the tests reads this module.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.deferred import deferred
from gateway.webhooks.verification import InboundRequest

adyen = deferred("Adyen.util")
discord = deferred("discord_interactions")
gidgethub = deferred("gidgethub.sansio")
nacl = deferred("nacl.signing")
razorpay = deferred("razorpay")
sendgrid = deferred("sendgrid.helpers.eventwebhook")
slack = deferred("slack_sdk.signature")
square = deferred("square.utils.webhooks_helper")
standardwebhooks = deferred("standardwebhooks")
stripe = deferred("stripe")
svix = deferred("svix.webhooks")
twilio = deferred("twilio.request_validator")

Headers = list[tuple[str, str]]
THING = b'{"id":"evt_1","type":"thing.created","note":"Gr\xc3\xbc\xc3\x9fe","n":1.10}'


@dataclass(frozen=True)
class Vendor:
    """`verify(request, secret)` says what the SDK says; `sign(url, body, secret, now)` gives the headers that it makes.

    `secret` is the shared secret, or the public key where the vendor signs with a key pair.
    """

    provider: str
    scheme: str
    secret: str
    verify: Callable[[InboundRequest, str], bool]
    sign: Callable[[str, bytes, int], Headers] | None = None
    make_body: Callable[[], bytes] = lambda: THING
    content_type: str = "application/json"
    by_public_key: bool = False


SECRET = "a-secret-of-these-tests"
WHSEC = "whsec_" + base64.b64encode(b"the key of these tests, 32 bytes").decode()
HEX = b"the key of these tests, 32 bytes".hex()
FORM = b"From=%2B15550100&Body=Gr%C3%BC%C3%9Fe+an+alle&To=%2B15550111&MediaUrl0="


def _header(request: InboundRequest, name: str) -> str:
    return next((value for key, value in request.headers if key.lower() == name.lower()), "")


def _passes(check: Callable[[], object], *failures: type[Exception]) -> bool:
    """SDKs that complain by raising."""
    try:
        check()
    except failures:
        return False
    return True


def _github(request: InboundRequest, secret: str) -> bool:
    signature = _header(request, "X-Hub-Signature-256")
    return _passes(
        lambda: gidgethub.validate_event(request.body, signature=signature, secret=secret),
        gidgethub.ValidationFailure,
    )


def _stripe(request: InboundRequest, secret: str) -> bool:
    header = _header(request, "Stripe-Signature")
    return _passes(
        lambda: stripe.WebhookSignature.verify_header(request.body.decode(), header, secret, 300),
        stripe.SignatureVerificationError,
    )


def _sign_stripe(url: str, body: bytes, now: int) -> Headers:
    text = stripe.WebhookSignature._compute_signature(f"{now}.{body.decode()}", SECRET)
    return [("Stripe-Signature", f"t={now},v1={text}")]


def _slack(request: InboundRequest, secret: str) -> bool:
    timestamp, signature = (_header(request, f"X-Slack-{name}") for name in ("Request-Timestamp", "Signature"))
    return slack.SignatureVerifier(secret).is_valid(request.body, timestamp, signature)


def _sign_slack(url: str, body: bytes, now: int) -> Headers:
    signature = slack.SignatureVerifier(SECRET).generate_signature(timestamp=str(now), body=body)
    assert signature is not None
    return [("X-Slack-Request-Timestamp", str(now)), ("X-Slack-Signature", signature)]


def _twilio(request: InboundRequest, secret: str) -> bool:
    fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return bool(twilio.RequestValidator(secret).validate(request.url, fields, _header(request, "X-Twilio-Signature")))


def _sign_twilio(url: str, body: bytes, now: int) -> Headers:
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return [("X-Twilio-Signature", twilio.RequestValidator(SECRET).compute_signature(url, fields))]


DISCORD = b"a seed of thirty-two bytes, fine"
DISCORD_PUBLIC = Ed25519PrivateKey.from_private_bytes(DISCORD).public_key().public_bytes_raw().hex()


def _discord(request: InboundRequest, public_key: str) -> bool:
    signature, timestamp = (_header(request, f"X-Signature-{name}") for name in ("Ed25519", "Timestamp"))
    return discord.verify_key(request.body, signature, timestamp, public_key)


def _sign_discord(url: str, body: bytes, now: int) -> Headers:
    signature = nacl.SigningKey(DISCORD).sign(str(now).encode() + body).signature.hex()
    return [("X-Signature-Timestamp", str(now)), ("X-Signature-Ed25519", signature)]


SENDGRID = ec.derive_private_key(0x5EC2E7, ec.SECP256R1())
SENDGRID_PUBLIC = base64.b64encode(
    SENDGRID.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
_SENDGRID = "X-Twilio-Email-Event-Webhook-"


def _sendgrid(request: InboundRequest, public_key: str) -> bool:
    signature, timestamp = (_header(request, _SENDGRID + name) for name in ("Signature", "Timestamp"))
    return sendgrid.EventWebhook(public_key).verify_signature(request.body.decode(), signature, timestamp)


def _sign_sendgrid(url: str, body: bytes, now: int) -> Headers:
    signature = SENDGRID.sign(str(now).encode() + body, ec.ECDSA(SHA256()))
    return [(_SENDGRID + "Timestamp", str(now)), (_SENDGRID + "Signature", base64.b64encode(signature).decode())]


def _square(request: InboundRequest, secret: str) -> bool:
    return square.verify_signature(
        request_body=request.body.decode(),
        signature_header=_header(request, "x-square-hmacsha256-signature"),
        signature_key=secret,
        notification_url=request.url,
    )


def _razorpay(request: InboundRequest, secret: str) -> bool:
    signature = _header(request, "X-Razorpay-Signature")
    return _passes(
        lambda: razorpay.Utility().verify_webhook_signature(request.body.decode(), signature, secret),
        razorpay.errors.SignatureVerificationError,
    )


def _adyen_header(request: InboundRequest, secret: str) -> bool:
    return bool(adyen.is_valid_hmac_payload(_header(request, "HmacSignature"), secret, request.body))


def _sign_adyen_header(url: str, body: bytes, now: int) -> Headers:
    return [("HmacSignature", adyen.generate_payload_sig(body, HEX).decode())]


def _adyen_item(request: InboundRequest, secret: str) -> bool:
    return bool(adyen.is_valid_hmac_notification(json.loads(request.body), secret))


def _adyen_body() -> bytes:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    signature = adyen.generate_notification_sig(item, HEX).decode()
    item["additionalData"] = {"hmacSignature": signature}
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


def _standard(request: InboundRequest, secret: str) -> bool:
    return _passes(
        lambda: standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers)),
        standardwebhooks.WebhookVerificationError,
    )


def _sign_standard(url: str, body: bytes, now: int) -> Headers:
    signature = standardwebhooks.Webhook(WHSEC).sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    return [("webhook-id", "msg_1"), ("webhook-timestamp", str(now)), ("webhook-signature", signature)]


def _svix(request: InboundRequest, secret: str) -> bool:
    return _passes(
        lambda: svix.Webhook(secret).verify(request.body, dict(request.headers)),
        svix.WebhookVerificationError,
    )


def _sign_svix(url: str, body: bytes, now: int) -> Headers:
    signature = svix.Webhook(WHSEC).sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    return [("svix-id", "msg_1"), ("svix-timestamp", str(now)), ("svix-signature", signature)]


VENDORS = (
    Vendor("github", "sha256", SECRET, _github),
    Vendor("stripe", "default", SECRET, _stripe, _sign_stripe),
    Vendor("slack", "default", SECRET, _slack, _sign_slack),
    Vendor("twilio", "form", SECRET, _twilio, _sign_twilio, lambda: FORM, "application/x-www-form-urlencoded"),
    Vendor("discord", "default", DISCORD_PUBLIC, _discord, _sign_discord, by_public_key=True),
    Vendor("sendgrid", "default", SENDGRID_PUBLIC, _sendgrid, _sign_sendgrid, by_public_key=True),
    Vendor("square", "default", SECRET, _square),
    Vendor("razorpay", "default", SECRET, _razorpay),
    Vendor("adyen", "payload_header", HEX, _adyen_header, _sign_adyen_header),
    Vendor("adyen", "notification_item", HEX, _adyen_item, lambda url, body, now: [], _adyen_body),
    Vendor("standard-webhooks", "default", WHSEC, _standard, _sign_standard),
    Vendor("svix", "default", WHSEC, _svix, _sign_svix),
    Vendor("clerk", "default", WHSEC, _svix, _sign_svix),
    Vendor("resend", "default", WHSEC, _svix, _sign_svix),
)
