"""A diagnosis as data that is shown, and what may be given for one. What hints mean is each door's matter."""

from __future__ import annotations

from marshmallow import Schema, fields


class ExplainDraftSchema(Schema):
    """What to explain a rejection by."""

    url = fields.String(
        load_default=None,
        metadata={"description": "Try this URL instead of the one that it came by, where the signature covers it."},
    )


class LineSchema(Schema):
    """One line of what was expected, or of what came."""

    label = fields.String()
    text = fields.String()


class FindingSchema(Schema):
    """One cause: what happened (`sentence`), what to do (`remedy`), what it rests on (`details`)."""

    cause = fields.String()
    certainty = fields.String()
    sentence = fields.String()
    remedy = fields.String()
    details = fields.List(fields.String())


class DiagnosisSchema(Schema):
    """Why a request was refused. `findings` has the most certain first; `reason` is null for a handshake."""

    provider = fields.String()
    scheme = fields.String(allow_none=True)
    accepted = fields.Boolean()
    reason = fields.String(allow_none=True)
    detail = fields.String()
    findings = fields.List(fields.Nested(FindingSchema))
    expected = fields.List(fields.Nested(LineSchema))
    received = fields.List(fields.Nested(LineSchema))
    tried = fields.Integer()
