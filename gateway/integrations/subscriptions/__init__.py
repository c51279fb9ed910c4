"""Webhooks that an integration registers at its provider: made, looked at, renewed, made anew, and taken back."""
