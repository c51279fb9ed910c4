"""What a destination must be like."""

from __future__ import annotations

from dataclasses import replace

from gateway.delivery.destinations.draft import DestinationDraft, faults
from gateway.security.ssrf import AddressPolicy
from tests.services.for_each import for_each_row

APP = DestinationDraft(name="app", url="https://app.example.com/events")


def _faults(draft: DestinationDraft, *, allow_private: bool = False) -> dict[str, str]:
    return {fault.field: fault.message for fault in faults(draft, AddressPolicy(allow_private=allow_private))}


def test_complete_drafts() -> None:
    full = replace(
        APP,
        ordering_key="data.id",
        timeout_seconds=3.5,
        concurrency=4,
        rate_per_second=0.5,
        schedule_seconds=(0, 5.0),
        headers=(("Authorization", "Bearer x"), ("X-Team", "")),
        fatal_statuses=(401, 410),
    )
    assert _faults(APP) == {}
    assert _faults(full) == {}
    assert _faults(replace(APP, url="http://127.0.0.1:9000"), allow_private=True) == {}
    assert "Bearer" not in repr(full)


@for_each_row(
    ("draft", "field", "message"),
    [
        (replace(APP, name="a:b"), "name", "letters"),
        (replace(APP, name=""), "name", "letters"),
        (replace(APP, url="http://127.0.0.1:9000"), "url", "GATEWAY_ALLOW_PRIVATE_DESTINATIONS"),
        (replace(APP, url="http://2130706433/"), "url", "GATEWAY_ALLOW_PRIVATE_DESTINATIONS"),
        (replace(APP, url="http://169.254.169.254/"), "url", "link-local"),
        (replace(APP, url="https://user:pw@app.example.com/"), "url", "credentials"),
        (replace(APP, url="ftp://app.example.com/"), "url", "http"),
        (replace(APP, timeout_seconds=0), "timeout", "more than 0"),
        (replace(APP, timeout_seconds=float("nan")), "timeout", "more than 0"),
        (replace(APP, concurrency=0), "concurrency", "from 1"),
        (replace(APP, rate_per_second=-1), "rate", "more than 0"),
        (replace(APP, schedule_seconds=(-1,)), "schedule", "outside"),
        (replace(APP, schedule_seconds=(1,) * 101), "schedule", "100"),
        (replace(APP, fatal_statuses=(200,)), "fatal_statuses", "400 to 599"),
        (replace(APP, ordering_key="data["), "ordering_key", "JMESPath"),
        (replace(APP, ordering_key="lower(id)"), "ordering_key", "there is no such function"),
        (replace(APP, headers=(("Host", "x"),)), "headers", "itself"),
        (replace(APP, headers=(("webhook-id", "x"),)), "headers", "itself"),
        (replace(APP, headers=(("X y", "x"),)), "headers", "not a header"),
        (replace(APP, headers=(("X", "1"), ("x", "2"))), "headers", "twice"),
        (replace(APP, headers=(("X", "hunter2\r\nY: 1"),)), "headers", "ASCII"),
    ],
)
def test_faults_say_what_to_do(draft: DestinationDraft, field: str, message: str) -> None:
    found = _faults(draft)
    assert message in found[field]
    assert "hunter2" not in str(found)
