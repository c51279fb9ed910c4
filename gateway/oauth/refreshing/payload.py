"""The payload of a job that keeps connections alive: nothing."""

from __future__ import annotations

from marshmallow import Schema


class RefreshPayload(Schema):
    """It finds by itself what is due."""
