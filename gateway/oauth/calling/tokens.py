"""The access token of a connection as it is stored."""

from __future__ import annotations

from gateway.clients.errors import AuthenticationFailed
from gateway.installation import Installation
from gateway.oauth import vault


class StoredTokens:
    """A `TokenSource` that renews nothing."""

    def __init__(self, installation: Installation, connection_id: str) -> None:
        self._installation = installation
        self._connection_id = connection_id

    def __repr__(self) -> str:
        return f"StoredTokens({self._connection_id!r})"

    def identity(self) -> str:
        """All tokens of a connection are of one account."""
        return self._connection_id

    def token(self) -> str:
        """As `TokenSource`. Raises `AuthenticationFailed` where there is none."""
        with self._installation.database.system_session() as session:
            secrets = vault.read(session, self._installation.keyring, self._connection_id)
        if vault.ACCESS_TOKEN not in secrets:
            raise AuthenticationFailed(f"the connection {self._connection_id} has no access token")
        return secrets[vault.ACCESS_TOKEN]

    def renew(self, refused: str) -> bool:
        """As `TokenSource`: another one, where another process stored one meanwhile."""
        return self.token() != refused
