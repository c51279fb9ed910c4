"""`flask --app app …` finds the application here."""

from __future__ import annotations

from gateway.factory import create_app

__all__ = ["create_app"]
