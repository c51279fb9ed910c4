"""Handlers: functions of the application that react to events. Loaded with `GATEWAY_HANDLERS=examples.handlers`.

They run in processes of the worker, may block, and are called again when they raise. An event may come twice: what a
handler does must be harmless to repeat; `event.id` is the same every time.
"""

from __future__ import annotations

from gateway.handlers import HandlerEvent, PermanentFailure, on


@on("github", "pull_request.*")
def review(event: HandlerEvent) -> None:
    """Called for every pull request event of the source `github`."""
    pull_request = event.json["pull_request"]
    print(f"please review: {pull_request['title']} ({event.json['action']})", flush=True)


@on("stripe", "charge.refunded", timeout_seconds=5)
def refund(event: HandlerEvent) -> None:
    """Called for refunds; a refund without an amount will not get one by trying again."""
    amount = event.json["data"]["object"].get("amount_refunded")
    if amount is None:
        raise PermanentFailure("a refund without an amount")
    print(f"refunded: {amount}", flush=True)


@on("gateway", "gateway.delivery.dead")
def alert(event: HandlerEvent) -> None:
    """Called when the gateway gave up a delivery: the place to tell somebody."""
    lost = event.json["data"]
    print(f"dead letter: {lost['event_type']} to {lost['destination']}: {lost['reason']}", flush=True)
