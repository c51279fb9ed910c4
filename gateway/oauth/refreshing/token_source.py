"""A connection as clients know it: where a token comes from, and another one when it is refused."""

from __future__ import annotations

from gateway.clients.errors import AuthenticationFailed, IntegrationError, Unavailable
from gateway.errors import GatewayError, NotFound
from gateway.installation import Installation
from gateway.oauth.protocol.errors import ProviderUnavailable
from gateway.oauth.refreshing.errors import ConnectionUnusable, RefreshHeldBack
from gateway.oauth.refreshing.single_flight import ensure_fresh


class ConnectionTokens:
    """A `gateway.clients.auth.TokenSource` of one connection, of which its maker has seen that it is the tenant's."""

    def __init__(self, installation: Installation, connection_id: str) -> None:
        self._installation = installation
        self._connection_id = connection_id

    def __repr__(self) -> str:
        return f"ConnectionTokens({self._connection_id!r})"

    def identity(self) -> str:
        """All tokens of a connection are of one account."""
        return self._connection_id

    def token(self) -> str:
        """As `TokenSource`. Raises `AuthenticationFailed` where the customer has to connect again, `Unavailable` where
        the token could not be renewed now; `StorageUnavailable`.
        """
        try:
            return ensure_fresh(self._installation, self._connection_id).value
        except (ConnectionUnusable, NotFound) as error:
            raise AuthenticationFailed(str(error)) from error
        except (RefreshHeldBack, ProviderUnavailable) as error:
            raise Unavailable(str(error), retry_after_seconds=error.retry_after_seconds) from error
        except GatewayError as error:
            if error.code == "storage_unavailable" or isinstance(error, IntegrationError):
                raise
            raise AuthenticationFailed(f"no token: {error}") from error

    def renew(self, refused: str) -> bool:
        """As `TokenSource`: once for all who ask, and not again for a token that was just got this way."""
        try:
            return ensure_fresh(self._installation, self._connection_id, refused=refused).value != refused
        except GatewayError:
            return False
