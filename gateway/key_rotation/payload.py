"""The payload of a job that seals everything anew."""

from __future__ import annotations

from marshmallow import Schema, fields


class RotationPayload(Schema):
    """`key` is the id of the key that is to seal everything. `forget`: other keys are forgotten where nothing needs
    them.
    """

    key = fields.String(required=True)
    forget = fields.Boolean(load_default=False)
