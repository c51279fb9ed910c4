"""Connections as calls to their APIs need them: where the API is, what proves who calls, limits and a breaker each."""
