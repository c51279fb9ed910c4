"""What is said of a route that was tried on samples and on the last events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.cli.terminal.output import printable

if TYPE_CHECKING:
    from gateway.delivery.routes.trial import Tried
    from gateway.webhooks.route_trials import Trial


def trial_lines(route: str, trial: Trial) -> Iterator[str]:
    """What came of it, and what to do where something would be a dead letter. Pure."""
    on = [("{} samples of the provider", trial.samples), ("the last {} events of the source", trial.events)]
    said = [f"of {what.format(tried.tried)} {_counts(tried)}" for what, tried in on if tried.tried]
    yield f"{route} on trial: " + ("; ".join(said) or "no sample and none of the last events has one of its types")
    for _, tried in on:
        if tried.detail is not None:
            yield printable(f"  what fails is a dead letter: {tried.detail}")
            break
    if trial.samples.null or trial.events.null:
        yield "  null is a dead letter too: narrow the route with a filter, or send it: --allow-null, allow_null: true"


def _counts(tried: Tried) -> str:
    counts = [(tried.sent, "sent"), (tried.turned_away, "turned away"), (tried.null, "null"), (tried.failed, "failed")]
    return ", ".join(f"{number} {word}" for number, word in counts if number)
