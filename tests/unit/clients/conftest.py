"""What clients in these tests hold, and how long they wait."""

from __future__ import annotations

from gateway.clients.retries import RetryPolicy

TOKEN = "tok-3f9c0a7be1"
QUICK = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)
