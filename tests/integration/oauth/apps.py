"""App credentials for tests that need some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.oauth import vault
from gateway.oauth.models import AppCredentials
from gateway.tenants.acting import Acting


def stored_app(
    acting: Acting, provider: str = "github", *, secrets: Mapping[str, str] | None = None, **columns: Any
) -> AppCredentials:
    """A row as `app-credentials add` leaves it, with its secrets."""
    values: dict[str, Any] = {"id": "app_1", "name": "apps", "client_id": "client-1", "parameters": {}, **columns}
    row = AppCredentials(provider=provider, created_at=acting.now, updated_at=acting.now, **values)
    row.tenant_id = acting.tenant.id
    acting.session.add(row)
    given = {"client_secret": "shh-1"} if secrets is None else secrets
    vault.write(acting.session, acting.keyring, tenant_id=row.tenant_id, owner_id=row.id, secrets=given, now=acting.now)
    acting.session.flush()
    return row
