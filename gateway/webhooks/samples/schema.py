"""A sample that was sent, as data; and what may be given for one."""

from __future__ import annotations

from marshmallow import Schema, fields


class SentSampleSchema(Schema):
    """Which source was called with what, and what the gateway answered: `status` and `answer`, which is a text."""

    source = fields.String(attribute="sample.source")
    type = fields.String(attribute="sample.event_type")
    url = fields.String()
    status = fields.Integer(attribute="reply.status")
    answer = fields.String(attribute="reply.text")
    event_id = fields.String(allow_none=True)


class SampleDraftSchema(Schema):
    """Which sample to send: without a type the provider's first one."""

    type = fields.String(metadata={"description": "Of the provider's event types that there are samples of."})
    body = fields.String(metadata={"description": "Sent instead of the sample's body."})
