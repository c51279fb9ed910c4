from __future__ import annotations

from gateway.delivery.decisions.patterns import compile_patterns
from tests.services.for_each import for_each_row


@for_each_row(
    ("patterns", "event_type", "matches"),
    [
        ([], "push", True),
        (["*"], None, True),
        (["push"], "push", True),
        (["push"], "Push", False),
        (["push"], "pushed", False),
        (["push"], None, False),
        (["pull_request.*"], "pull_request.opened", True),
        (["pull_request.*"], "pull_request", True),
        (["pull_request.*"], "pull_requests", False),
        (["pull_request.*"], "pull_request_review", False),
        (["invoice.payment_*"], "invoice.payment_failed", True),
        (["a", "b.*"], "b.c.d", True),
        (["a", "b.*"], "c", False),
        (["customer.[ab]"], "customer.b", True),
        (["*.dead"], "gateway.delivery.dead", True),
    ],
)
def test_patterns(patterns: list[str], event_type: str | None, matches: bool) -> None:
    assert compile_patterns(patterns)(event_type) is matches
