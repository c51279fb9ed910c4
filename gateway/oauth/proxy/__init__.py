"""Calls to providers through the gateway, which adds the token of a connection. The caller never sees it."""
