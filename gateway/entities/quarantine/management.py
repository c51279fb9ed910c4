"""What a person decides of a record in quarantine: that it is not wanted."""

from __future__ import annotations

from gateway.entities.quarantine.search import require_quarantined
from gateway.entities.quarantine.summary import QuarantinedSummary, summary
from gateway.entities.states import QuarantineState, check_step
from gateway.tenants.acting import Acting


def discard_record(acting: Acting, record_id: str) -> QuarantinedSummary:
    """It is not wanted: while it comes as it is, it is passed over. Once it is another, it is judged again.

    Raises `NotFound`, and `IllegalTransition` for one that was taken in.
    """
    row = require_quarantined(acting, record_id)
    before = QuarantineState(row.state)
    check_step(before, QuarantineState.DISCARDED)
    if before is not QuarantineState.DISCARDED:
        row.state = QuarantineState.DISCARDED
        acting.session.flush()
        acting.audit("quarantine.discarded", row.id, before={"state": before}, after={"state": row.state})
    return summary(row)
