"""What a destination gets to see: the provider's headers without hops and credentials, and ours on top."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.target import SigningSecret, Target
from gateway.delivery.models import DestinationKind
from gateway.delivery.queue.claimed import Claimed, ClaimedEvent
from gateway.delivery.sending.request import OutgoingRequest, compose, forwarded_headers, printable
from tests.services.for_each import for_each_row

NOW_US = 1_800_000_000 * MICROSECONDS
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def target(**changes: object) -> Target:
    settings: dict[str, object] = {
        "id": "dst_1",
        "tenant_id": "ten_default",
        "name": "crm",
        "kind": DestinationKind.HTTP,
        "url": "https://crm.example.com/hooks",
        "handler": None,
        "timeout_seconds": 10.0,
        "concurrency": 100,
        "concurrency_is_shared": False,
        "rate_per_second": None,
        "schedule_seconds": (5.0,),
        "ordering_key": None,
    }
    return Target(**(settings | changes))  # type: ignore[arg-type]


def composed(
    *pairs: tuple[str, str],
    to: Target | None = None,
    payload: bytes | None = None,
    body: bytes = b'{"a": 1}',
    secret_headers: frozenset[str] = frozenset(),
    **event: object,
) -> OutgoingRequest:
    fields: dict[str, object] = {
        "id": "evt_1",
        "type": "pull_request.opened",
        "source": "github",
        "provider": "github",
        "content_type": "application/x-www-form-urlencoded",
        "received_at_us": NOW_US,
        "body_bytes": len(body),
        "headers": json.dumps(pairs).encode(),
        "body": body,
    }
    happened = ClaimedEvent(**(fields | event))  # type: ignore[arg-type]
    claimed = Claimed(
        id="dlv_1",
        tenant_id="ten_default",
        event_id="evt_1",
        destination_id="dst_1",
        attempt=3,
        schedule_position=2,
        lease_token="lse_1",
        lease_expires_at_us=NOW_US,
        payload_bytes=None if payload is None else len(payload),
        payload=payload,
        event=happened,
    )
    return compose(
        to or target(),
        claimed,
        happened,
        body if payload is None else payload,
        now_us=NOW_US,
        secret_headers=secret_headers,
    )


def value(request: OutgoingRequest, name: str) -> str | None:
    found = [text for key, text in request.headers if key.lower() == name.lower()]
    assert len(found) <= 1, f"{name} is there {len(found)} times"
    return found[0] if found else None


def test_raw_body_content_type_and_the_providers_headers_go_along() -> None:
    request = composed(("X-GitHub-Event", "pull_request"), ("X-Hub-Signature-256", "sha256=ab"), body=b"\x00\xff")
    assert request.body == b"\x00\xff"
    assert value(request, "content-type") == "application/x-www-form-urlencoded"
    assert value(request, "x-github-event") == "pull_request"
    assert value(request, "x-hub-signature-256") == "sha256=ab"


def test_our_own_headers() -> None:
    request = composed()
    assert value(request, "gateway-event-type") == "pull_request.opened"
    assert value(request, "gateway-event-id") == "evt_1"
    assert value(request, "webhook-id") == "dlv_1"
    assert value(request, "gateway-source") == "github"
    assert value(request, "gateway-attempt") == "3"
    assert value(request, "webhook-timestamp") == "1800000000"
    assert value(request, "webhook-signature") is None


@for_each_row(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Expect",
        "Host",
        "Content-Length",
        "Cookie",
        "Authorization",
        "Proxy-Authorization",
        "X-Gitlab-Token",
        "X-Goog-Channel-Token",
        "X-Api-Key",
        "X-Vendor-Secret",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Forwarded",
        "Via",
        "X-Real-IP",
        "gateway-attempt-forged",
        "gateway_source",
        "Webhook_Id",
        "webhook_signature",
        "X_Forwarded_For",
        "X_Gitlab-Token",
        "Content_Type",
        "Content_Length",
        "transfer_encoding",
        "webhook_" + "a" * 100,
        "webhook-forged",
        "User-Agent-\u00e9",
        "bad name",
        "",
    ],
)
def test_what_does_not_go_along(name: str) -> None:
    assert name not in dict(composed((name, "x")).headers)


def test_headers_that_connection_names_stay_behind() -> None:
    request = composed(("Connection", "close, X-Hop"), ("x-hop", "1"), ("X-Stays", "1"))
    assert (value(request, "x-hop"), value(request, "x-stays")) == (None, "1")


def test_headers_are_known_by_underscores_too() -> None:
    request = composed(
        ("Connection", "x-hop"), ("X_Hop", "1"), ("X_Own", "theirs"), to=target(headers=(("X-Own", "ours"),))
    )
    assert [(name, value) for name, value in request.headers if name.lower().startswith("x")] == [("X-Own", "ours")]


def test_a_standard_webhooks_providers_own_headers_are_replaced_by_ours() -> None:
    request = composed(
        ("webhook-id", "msg_theirs"),
        ("webhook-timestamp", "1"),
        ("webhook-signature", "v1,theirs"),
        to=target(secrets=(SigningSecret(SECRET),)),
    )
    assert value(request, "webhook-id") == "dlv_1"
    signature = value(request, "webhook-signature")
    assert signature is not None
    assert "theirs" not in signature


def test_every_unexpired_secret_signs() -> None:
    secrets = (SigningSecret(SECRET), SigningSecret("whsec_b2xk", NOW_US - 1), SigningSecret("whsec_bmV3", NOW_US + 1))
    signature = value(composed(to=target(secrets=secrets)), "webhook-signature")
    assert signature is not None
    assert signature.count("v1,") == 2


def test_a_transform_goes_as_json_without_the_providers_encoding() -> None:
    request = composed(("Content-Encoding", "gzip"), payload=b"[1]")
    assert (value(request, "content-type"), request.body) == ("application/json", b"[1]")
    assert value(request, "content-encoding") is None
    assert value(composed(("Content-Encoding", "gzip")), "content-encoding") == "gzip"


def test_the_destinations_own_headers_win() -> None:
    request = composed(
        ("X-Env", "theirs"),
        to=target(headers=(("x-env", "ours"), ("Authorization", "Bearer t"), ("Content-Type", "a/b"))),
    )
    assert value(request, "x-env") == "ours"
    assert value(request, "authorization") == "Bearer t"
    assert value(request, "content-type") == "a/b"


def test_bytes_of_a_header_arrive_as_they_came() -> None:
    as_a_server_hands_them_over = "Zoë ✓".encode().decode("latin-1")
    text = value(composed(("X-Name", as_a_server_hands_them_over)), "x-name")
    assert text is not None
    assert text.encode() == "Zoë ✓".encode()


def test_a_header_under_which_a_provider_sends_its_secret_stays_here() -> None:
    request = composed(
        ("X-Shop-Proof", "hunter2"), ("X-Shop-Topic", "order"), secret_headers=frozenset({"x-shop-proof"})
    )
    assert value(request, "X-Shop-Proof") is None
    assert value(request, "X-Shop-Topic") == "order"


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=30)), max_size=20), st.text(max_size=40))
def test_no_header_or_type_breaks_a_request(pairs: list[tuple[str, str]], event_type: str) -> None:
    for name, text in composed(*pairs, type=event_type, content_type=event_type).headers:
        assert name.isascii()
        assert not set(text) & {"\r", "\n", "\x00"}
        text.encode("utf-8")


@pytest.mark.parametrize("headers", [b"", b"{}", b"[1]", b"[[1,2,3]]", b"null", b"\xff"])
def test_headers_that_are_not_pairs_are_left_out(headers: bytes) -> None:
    assert forwarded_headers(headers, frozenset()) == ()


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [("a", "a"), (" a\t", "a"), ("a\tb", "a\tb"), ("a\nb", None), ("\xff", None), ("✓", "✓"), ("\ud800", None)],
)
def test_printable(given_value: str, expected: str | None) -> None:
    assert printable(given_value) == expected


def test_the_signature_is_what_a_receiver_checks() -> None:
    request = composed(to=target(secrets=(SigningSecret(SECRET),)), body="é".encode())
    at = datetime.fromtimestamp(1_800_000_000, tz=UTC)
    assert value(request, "webhook-signature") == Webhook(SECRET).sign("dlv_1", at, "é")
