"""The payload of a job that watches sources: nothing."""

from __future__ import annotations

from marshmallow import Schema


class WatchPayload(Schema):
    """It finds by itself what came."""
