"""What an application imports to react to events; see `gateway.events.handlers`."""

from __future__ import annotations

from gateway.events.handlers import HandlerEvent, PermanentFailure, on

__all__ = ["HandlerEvent", "PermanentFailure", "on"]
