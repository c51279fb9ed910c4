"""The payloads of jobs that go through all that a tenant has."""

from __future__ import annotations

from marshmallow import Schema, fields


class ErasePayload(Schema):
    """Which tenant, by its slug."""

    tenant = fields.String(required=True)


class ExportPayload(Schema):
    """Nothing: it is the job's tenant that is exported."""
