"""One request, many events: each with its exact bytes."""

from __future__ import annotations

import base64
import hmac
import json
import tracemalloc

from gateway.content.jsontext import elements
from gateway.providers import catalogue
from gateway.webhooks.verification import BatchEvent, Credentials, InboundRequest, Verdict, judge
from gateway.webhooks.verification.events import MAX_BATCH_EVENTS
from tests.services.for_each import for_each_row

SECRET = "s3cret"


def gocardless(body: bytes) -> Verdict:
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    request = InboundRequest("POST", "https://gw.example.com/", [("Webhook-Signature", signature)], body)
    return judge(catalogue()["gocardless"], request, Credentials(secrets=[SECRET]), now=0.0)


def test_exact_bytes_of_each_event() -> None:
    first, second = '{ "id" : "EV1", "resource_type":"payments", "n": 1.0 }', '{"id":"EV2","x":"], é \\u00e9"}'
    verdict = gocardless(f'{{"meta": {{"events": [9]}}, "events" : [ {first} ,\n{second}]}}'.encode())
    assert verdict.events == (
        BatchEvent("payments", "EV1", first.encode()),
        BatchEvent(None, "EV2", second.encode()),
    )


@for_each_row(
    "body",
    [
        b'{"events": []}',
        b'{"events": {}}',
        b'{"events": null}',
        b"{}",
        b"[]",
        b"",
        b"not json",
        b'{"events": [1, 2',
        b"\xff\xfe",
        b'{"events": ' + b"[" * 100_000,
    ],
)
def test_batches_without_events_are_authentic_all_the_same(body: bytes) -> None:
    verdict = gocardless(body)
    assert (verdict.accepted, verdict.events) == (True, ())


def test_elements_that_are_no_objects() -> None:
    assert [event.body for event in gocardless(b'{"events": [1, "a", null, []]}').events] == [
        b"1",
        b'"a"',
        b"null",
        b"[]",
    ]


def test_a_batch_of_too_many_stays_whole() -> None:
    def batch(count: int) -> bytes:
        return b'{"events": [' + b",".join([b"1"] * count) + b"]}"

    assert len(gocardless(batch(MAX_BATCH_EVENTS)).events) == MAX_BATCH_EVENTS
    verdict = gocardless(batch(MAX_BATCH_EVENTS + 1))
    assert (verdict.accepted, verdict.events) == (True, ())


def test_counting_stops_at_the_bound() -> None:
    text = "[" + "[]," * 500_000 + "1]"
    tracemalloc.start()
    try:
        assert elements(text, (), most=MAX_BATCH_EVENTS) == ()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024


def test_events_in_a_form_field() -> None:
    body = (
        b"mandrill_events="
        + b"%5B%7B%22event%22%3A%22send%22%2C%22_id%22%3A%22m1%22%7D%2C+%7B%22event%22%3A%22open%22%7D%5D"
    )
    url = "https://gw.example.com/m"
    text = url + 'mandrill_events[{"event":"send","_id":"m1"}, {"event":"open"}]'
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), "sha1").digest()).decode()
    headers = [("X-Mandrill-Signature", signature), ("Content-Type", "application/x-www-form-urlencoded")]
    verdict = judge(
        catalogue()["mandrill"], InboundRequest("POST", url, headers, body), Credentials(secrets=[SECRET]), now=0.0
    )
    assert verdict.events == (
        BatchEvent("send", "m1", b'{"event":"send","_id":"m1"}'),
        BatchEvent("open", None, b'{"event":"open"}'),
    )


def adyen(items: list[dict[str, object]]) -> Verdict:
    body = json.dumps({"notificationItems": [{"NotificationRequestItem": item} for item in items]}).encode()
    request = InboundRequest("POST", "https://gw.example.com/", [], body)
    return judge(catalogue()["adyen"], request, Credentials(secrets=["00" * 32]), now=0.0)


def adyen_item(reference: str, *, key: bytes = bytes(32)) -> dict[str, object]:
    text = f"{reference}::Shop:r1:10:EUR:CAPTURE:true"
    signature = base64.b64encode(hmac.new(key, text.encode(), "sha256").digest()).decode()
    return {
        "pspReference": reference,
        "merchantAccountCode": "Shop",
        "merchantReference": "r1",
        "amount": {"value": 10, "currency": "EUR"},
        "eventCode": "CAPTURE",
        "success": "true",
        "additionalData": {"hmacSignature": signature},
    }


def test_every_item_is_verified() -> None:
    assert [event.id for event in adyen([adyen_item("p1"), adyen_item("p2")]).events] == ["p1", "p2"]
    forged = adyen_item("p2", key=b"x" * 32)
    assert adyen([adyen_item("p1"), forged]).reason == "signature_mismatch"
    assert adyen([adyen_item("p1"), {}]).reason == "signature_missing"
    assert adyen([adyen_item("p1") | {"success": "false"}]).reason == "signature_mismatch"
    assert adyen([]).reason == "signature_missing"


@for_each_row(
    ("text", "path", "found"),
    [
        ("[1,2]", (), ["1", "2"]),
        (" [ 1 , 2 ] ", (), ["1", "2"]),
        ('{"a":{"b":[{"c":1}]}}', ("a", "b"), ['{"c":1}']),
        ('{"a":[1],"a":[2]}', ("a",), ["2"]),
        ('{"\\u0061":[1]}', ("a",), ["1"]),
        ("[1,]", (), []),
        ("[1 2]", (), []),
        ("{}", ("a",), []),
        ('{"a" [1]}', ("a",), []),
        ("{1:[2]}", ("a",), []),
        ("", (), []),
        ("[", (), []),
        ('{"a":', ("a",), []),
    ],
)
def test_elements(text: str, path: tuple[str, ...], found: list[str]) -> None:
    assert [element.text for element in elements(text, path, most=9)] == found
