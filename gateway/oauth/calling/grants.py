"""The tokens of connections for deliveries: what `gateway.delivery.sending.grants` asks for."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from gateway.clients.errors import AuthenticationFailed
from gateway.clients.values import Call
from gateway.delivery.sending.grants import Grant, GrantBroken
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.calling.connected import connected
from gateway.oauth.calling.plan import KEY_WAYS
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.refreshing.errors import ConnectionUnusable
from gateway.oauth.refreshing.single_flight import SingleFlight

KEPT: Final = 1000
# How a call carries the credentials is asked of a call that is not made.
_CALL: Final = Call("POST", "https://provider.invalid/", "/")


class ConnectionGrants:
    """`Grants`. A signature that covers the request (OAuth 1.0a) is none that a delivery could carry."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = Lock()
        self._made: OrderedDict[str, Grant] = OrderedDict()

    def at_hand(self, connection_id: str) -> Grant | None:
        """As `Grants`."""
        token = self._installation.part(SingleFlight).at_hand(connection_id)
        made = self._made.get(connection_id)
        return made if token is not None and made is not None and made.token == token.value else None

    def get(self, connection_id: str) -> Grant:
        """As `Grants`. Raises `GrantBroken`, `RefreshHeldBack`, `ProviderError`, `StorageUnavailable`."""
        try:
            return self._get(connection_id)
        except (ConnectionUnusable, InvalidInput, AuthenticationFailed) as error:
            raise GrantBroken(str(error)) from error

    def renewed(self, connection_id: str, refused: Grant) -> bool:
        """As `Grants`."""
        try:
            flight = self._installation.part(SingleFlight)
            return flight.token(connection_id, refused=refused.token).value != refused.token
        except (ConnectionUnusable, InvalidInput) as error:
            raise GrantBroken(str(error)) from error

    def _get(self, connection_id: str) -> Grant:
        with self._installation.database.system_session() as session:
            tenant_id = require_connection(session, connection_id).tenant_id
        opened = connected(self._installation, tenant_id, connection_id).opened
        is_token = opened.way not in KEY_WAYS
        token = self._installation.part(SingleFlight).token(connection_id).value if is_token else ""
        if opened.oauth is not None and opened.oauth.api.is_signed:
            raise GrantBroken(f"calls with the connection {connection_id} are signed one by one: no delivery can be")
        carrying = opened.plan.auth.apply(_CALL)
        grant = Grant(token or next(iter(opened.plan.auth.secrets(carrying)), ""), carrying.headers)
        with self._lock:
            self._made[connection_id] = grant
            self._made.move_to_end(connection_id)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        return grant
