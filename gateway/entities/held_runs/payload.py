"""What the job is given that applies a held run's deletions."""

from __future__ import annotations

from marshmallow import Schema, fields


class ConfirmPayload(Schema):
    """`run` is the id of the sync run."""

    run = fields.String(required=True)
