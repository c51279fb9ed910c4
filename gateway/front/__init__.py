"""The ASGI front: hosts the Flask application on an event loop."""

from __future__ import annotations

from gateway.front.application import Front

__all__ = ["Front"]
