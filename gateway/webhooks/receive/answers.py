"""What every host makes of an answer: its headers, and what is said when our own code fails."""

from __future__ import annotations

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


def failed(request_id: str) -> Answer:
    """The answer to a request at which our own code raised; call it where that is caught, to have it logged."""
    get_logger(__name__).exception("a webhook was not answered as it should: 500", request_id=request_id)
    return _FAILED
