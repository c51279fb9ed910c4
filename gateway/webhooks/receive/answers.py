"""The answer to what was stored; and what every host makes of an answer: its headers, and what is said when we fail."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.events.append import Appended
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import Answer, refusal

STATUSES_WITHOUT_BODY = frozenset({204, 304})

_FAILED = refusal(500, "internal_error", "the gateway failed to answer this request; its log says why")


def answer_headers(answer: Answer) -> list[tuple[str, str]]:
    """The headers of an answer, but for those that every answer of the gateway carries."""
    headers = [
        ("Content-Type", answer.content_type),
        # A handshake echoes what a stranger sent: no browser may take it for a page.
        ("X-Content-Type-Options", "nosniff"),
        *answer.headers,
    ]
    if answer.status not in STATUSES_WITHOUT_BODY:
        headers.append(("Content-Length", str(len(answer.body))))
    return headers


def stored(appended: Sequence[Appended]) -> Answer:
    """The answer to a request whose events are in the journal, for sources whose vendors prescribe none."""
    first = appended[0]
    if len(appended) == 1:
        # Nearly every answer. There is nothing in it to escape.
        status = "duplicate" if first.is_duplicate else "accepted"
        return Answer(200, f'{{"status": "{status}", "event_id": "{first.event_id}"}}'.encode())
    document = {
        "status": "duplicate" if all(one.is_duplicate for one in appended) else "accepted",
        "event_id": first.event_id,
        "event_ids": [one.event_id for one in appended],
    }
    return Answer(200, json.dumps(document).encode())


def failed(request_id: str) -> Answer:
    """The answer to a request at which our own code raised; call it where that is caught, to have it logged."""
    get_logger(__name__).exception("a webhook was not answered as it should: 500", request_id=request_id)
    return _FAILED
