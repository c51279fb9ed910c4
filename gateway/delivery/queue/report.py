"""What a worker reports of the deliveries it held, and what became of that. Values only."""

from __future__ import annotations

from typing import NamedTuple

from gateway.delivery.decisions.policy import AttemptResult, Decision
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claimed import Claimed


class Report(NamedTuple):
    """What came of a claimed delivery. `result` None means that it was not tried: it is released.

    `target` None means that the destination is no longer known.
    """

    claimed: Claimed
    target: Target | None
    result: AttemptResult | None


class Recorded(NamedTuple):
    """A report as it went into the database. `decision` is None when it was released.

    `applied` is False when the delivery had moved on: taken by another worker, or cancelled.
    """

    report: Report
    decision: Decision | None
    applied: bool
