"""The right to renew a connection, as whoever has it knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.oauth.protocol.values import App
from gateway.oauth.refreshing.decisions import Renewal


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to renew a connection until `expires_at`, with all that the call needs."""

    connection_id: str
    tenant_id: str
    provider: str
    lease_token: str
    version: int
    expires_at: datetime
    way: Renewal
    loses: bool
    failures: int
    app: App
    secrets: Mapping[str, str] = field(repr=False)
    kept: Mapping[str, str] = field(repr=False)
    scopes: tuple[str, ...]
    account_id: str | None
