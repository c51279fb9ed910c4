"""The engine, our signer and the vendors' own SDKs agree: on what they accept, and on what they refuse."""

from __future__ import annotations

import time

import pytest

from gateway.providers import catalogue
from gateway.webhooks.samples.event import sample_request
from gateway.webhooks.samples.signing import Held, Moment, unsignable
from gateway.webhooks.verification import Credentials, InboundRequest, judge
from tests.services.for_each import for_each_row
from tests.unit.verification.sdk.vendors import VENDORS, Vendor

URL = "https://gw.example.com/webhooks/acme"
# SDKs look at the machine's clock, so that these tests do too.


def now() -> int:
    """The SDKs ask the machine's clock, so requests are made by it too, in the test and not at import."""
    return int(time.time())


OTHERS = {"whsec_": "whsec_" + "QUJD" * 8, "": "ab" * 32}

SIGNING = [vendor for vendor in VENDORS if vendor.sign is not None]
IMITATED = [
    vendor
    for vendor in VENDORS
    if unsignable(catalogue()[vendor.provider], catalogue()[vendor.provider].scheme(vendor.scheme)) is None
]


def _id(vendor: Vendor) -> str:
    return f"{vendor.provider}-{vendor.scheme}"


def _judge(vendor: Vendor, request: InboundRequest, secret: str) -> bool:
    held = Credentials(public_key=secret) if vendor.by_public_key else Credentials(secrets=[secret])
    return judge(catalogue()[vendor.provider], request, held, now=float(now()), scheme=vendor.scheme).accepted


def _both(vendor: Vendor, request: InboundRequest, secret: str) -> tuple[bool, bool]:
    """What the SDK says and what the engine says."""
    return vendor.verify(request, secret), _judge(vendor, request, secret)


def _signed(vendor: Vendor) -> InboundRequest:
    assert vendor.sign is not None
    body = vendor.make_body()
    headers = [("Content-Type", vendor.content_type), *vendor.sign(URL, body, now())]
    return InboundRequest("POST", URL, headers, body)


def _imitated(vendor: Vendor) -> InboundRequest:
    """A sample of ours, on the vendor's own example body where the proof is no part of it."""
    provider = catalogue()[vendor.provider]
    sample = sample_request(
        provider,
        provider.scheme(vendor.scheme),
        Held(vendor.secret),
        Moment("0b7f7d9e", now()),
        event_type="thing.created",
        url=URL,
        options={},
        body=vendor.make_body(),
    )
    return InboundRequest(sample.method, sample.url, sample.headers, sample.body)


def _altered(vendor: Vendor, request: InboundRequest) -> list[InboundRequest]:
    """The request with a byte of the body, the URL or the signature changed."""
    body = request.body.replace(b"1130", b"1131") if vendor.scheme == "notification_item" else request.body + b"x"
    changed = [request._replace(body=body)]
    if vendor.provider in ("twilio", "square"):
        changed.append(request._replace(url=request.url.replace("https", "http")))
    if vendor.scheme != "notification_item":
        changed.append(request._replace(headers=[(name, _bent(name, value)) for name, value in request.headers]))
    return changed


def _bent(name: str, value: str) -> str:
    if "signature" not in name.lower() or "timestamp" in name.lower() or name == "X-Signature-Timestamp":
        return value
    at = len(value) - 6
    return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]


@for_each_row("vendor", SIGNING)
def test_what_an_sdk_signs_is_accepted(vendor: Vendor) -> None:
    assert _both(vendor, _signed(vendor), vendor.secret) == (True, True)


@for_each_row("vendor", IMITATED)
def test_what_our_signer_makes_is_accepted_by_the_sdk(vendor: Vendor) -> None:
    assert _both(vendor, _imitated(vendor), vendor.secret) == (True, True)


@for_each_row("vendor", VENDORS)
def test_what_was_altered_is_refused_by_both(vendor: Vendor) -> None:
    request = _signed(vendor) if vendor.sign is not None else _imitated(vendor)
    for altered in _altered(vendor, request):
        assert altered != request
        assert _both(vendor, altered, vendor.secret) == (False, False)


@for_each_row("vendor", [vendor for vendor in VENDORS if not vendor.by_public_key])
def test_another_secret_is_refused_by_both(vendor: Vendor) -> None:
    request = _signed(vendor) if vendor.sign is not None else _imitated(vendor)
    other = OTHERS["whsec_" if vendor.secret.startswith("whsec_") else ""]
    assert _both(vendor, request, other) == (False, False)


@pytest.mark.parametrize("provider", ["stripe", "slack", "standard-webhooks", "svix"])
def test_an_old_request_is_refused_by_both(provider: str) -> None:
    vendor = next(vendor for vendor in VENDORS if vendor.provider == provider)
    assert vendor.sign is not None
    headers = [("Content-Type", vendor.content_type), *vendor.sign(URL, vendor.make_body(), now() - 600)]
    assert _both(vendor, InboundRequest("POST", URL, headers, vendor.make_body()), vendor.secret) == (False, False)


def test_ten_vendors_are_asked() -> None:
    assert len({vendor.verify for vendor in VENDORS}) >= 10
