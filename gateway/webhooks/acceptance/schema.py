"""Taking in rejections as data: which, and what became of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.schema_fields import Moment
from gateway.webhooks.acceptance.accept import WhichRejections


class JudgedSchema(Schema):
    """What became of a rejection. `event_ids` are the events that stand in the journal for it."""

    rejection_id = fields.String()
    outcome = fields.String(
        metadata={"description": "`accepted`, `duplicate` (its events had come by another way), or `accepted_before`."}
    )
    detail = fields.String(allow_none=True)
    event_ids = fields.List(fields.String())


class AcceptanceDraftSchema(Schema):
    """Which rejections; at least one thing has to be said."""

    source = fields.String(metadata={"description": "Those that called this slug."})
    reason = fields.String(metadata={"description": "Those for this reason, such as `signature_mismatch`."})
    since = Moment(metadata={"description": "Not older than this."})
    until = Moment(metadata={"description": "Older than this."})
    plan = fields.Boolean(
        load_default=False, metadata={"description": "Count what would become of them, and take in nothing."}
    )


def which_rejections(data: Mapping[str, Any]) -> WhichRejections:
    """What `AcceptanceDraftSchema` loaded."""
    return WhichRejections(data.get("source"), data.get("reason"), data.get("since"), data.get("until"))
