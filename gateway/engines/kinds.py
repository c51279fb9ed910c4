"""All kinds of jobs. Whoever adds one names it here; its function stands with what it works on."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.delivery.bulk.kinds import CANCEL, RETRY
from gateway.delivery.redelivery.kind import REDELIVER
from gateway.delivery.replays.kind import REPLAY
from gateway.entities.held_runs.kind import CONFIRM
from gateway.integrations.jobs import ACTIVATE, DEACTIVATE, HEALTH, NOTICE, PUSH, STREAM, SYNC, UPKEEP
from gateway.jobs.kind import Kind
from gateway.key_rotation.kind import ROTATE
from gateway.oauth.ending.kind import ENDED, REVOKE
from gateway.oauth.refreshing.kind import REFRESH
from gateway.tenant_data.kinds import ERASE, EXPORT
from gateway.tenants.api_keys.scopes import Scope
from gateway.webhooks.acceptance.kind import ACCEPT
from gateway.webhooks.forgetting.kind import FORGET
from gateway.webhooks.purge_kind import PURGE
from gateway.webhooks.rhythm.kind import WATCH

_ALL: tuple[Kind, ...] = (
    ACCEPT,
    ACTIVATE,
    CANCEL,
    CONFIRM,
    DEACTIVATE,
    ENDED,
    ERASE,
    EXPORT,
    FORGET,
    HEALTH,
    NOTICE,
    PURGE,
    PUSH,
    REDELIVER,
    REFRESH,
    REPLAY,
    RETRY,
    REVOKE,
    ROTATE,
    WATCH,
    STREAM,
    SYNC,
    UPKEEP,
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""By their names."""


def scope_for(kind: str) -> Scope:
    """What a key must be allowed that has a job of `kind` carried out; of a kind that is unknown here, everything."""
    known = KINDS.get(kind)
    return Scope.OPERATOR if known is None else known.scope
