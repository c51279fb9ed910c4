"""The states of a connection, and which step leads from which to which. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum

from gateway.errors import IllegalTransition


class ConnectionState(StrEnum):
    """What a connection is good for."""

    CONNECTED = "connected"  # its token works, as far as is known
    DEGRADED = "degraded"  # it works, with fewer scopes than were asked for
    REFRESH_UNCERTAIN = "refresh_uncertain"  # a refresh was begun and its answer was lost; trying tells
    NEEDS_REAUTH = "needs_reauth"  # the grant is broken: the customer has to connect again
    REVOKED = "revoked"  # somebody ended it; its secrets are gone


_WORKING = frozenset({ConnectionState.CONNECTED, ConnectionState.DEGRADED})
USABLE: Set[ConnectionState] = _WORKING | {ConnectionState.REFRESH_UNCERTAIN}
"""Those in which a token may be asked for."""

TRANSITIONS: Mapping[ConnectionState, Set[ConnectionState]] = {
    ConnectionState.CONNECTED: frozenset(ConnectionState) - {ConnectionState.CONNECTED},
    ConnectionState.DEGRADED: frozenset(ConnectionState) - {ConnectionState.DEGRADED},
    ConnectionState.REFRESH_UNCERTAIN: _WORKING | {ConnectionState.NEEDS_REAUTH, ConnectionState.REVOKED},
    ConnectionState.NEEDS_REAUTH: _WORKING | {ConnectionState.REVOKED},
    ConnectionState.REVOKED: frozenset(),
}


def check_step(now: ConnectionState, wanted: ConnectionState) -> None:
    """Raise `IllegalTransition` where no step leads from `now` to `wanted`; staying is always allowed."""
    if wanted is not now and wanted not in TRANSITIONS[now]:
        raise IllegalTransition(f"a connection that is {now} cannot become {wanted}")
