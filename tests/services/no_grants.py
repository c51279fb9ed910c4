"""For workers of tests without connections."""

from __future__ import annotations

from gateway.delivery.sending.grants import Grant, GrantBroken


class NoGrants:
    """Where there are no connections."""

    def at_hand(self, tenant_id: str, connection_id: str, url: str) -> Grant | None:
        return None

    def get(self, tenant_id: str, connection_id: str, url: str) -> Grant:
        raise GrantBroken("this worker knows of no connections")

    def renewed(self, tenant_id: str, connection_id: str, url: str, refused: Grant) -> bool:
        return False
