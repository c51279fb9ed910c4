"""Opening an integration: from its row, the vault and its connection to what its type is given."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from gateway.clients.breaker import Breaker
from gateway.clients.limits import RateLimit
from gateway.clients.transport import Timeout
from gateway.entities.options import SyncOptions
from gateway.installation import Installation
from gateway.integrations.attributes import completed
from gateway.integrations.instance import Instance
from gateway.integrations.models import Integration
from gateway.integrations.options import sync_options
from gateway.integrations.registry import registry_of
from gateway.integrations.type import IntegrationType
from gateway.oauth import vault
from gateway.oauth.calling.connected import connected

KEPT: Final = 10_000
TEST_SECONDS: Final = 5.0
TRIAL: Final = Timeout(connect_seconds=3.0, read_seconds=4.0, call_seconds=4.5)
"""Of calls while somebody waits whether it works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What an integration is made of, read in a transaction; opening it needs none. `secrets` are its own."""

    id: str
    tenant_id: str
    name: str
    type_id: str
    configuration: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    prepared: Mapping[str, Any]
    connection_id: str | None
    sync: Mapping[str, Any]


class _Shared:
    """Breakers and limits of one process, by integration: all calls of one share them. Safe from any thread."""

    def __init__(self, installation: Installation) -> None:
        self._clock = installation.clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Breaker, RateLimit]] = OrderedDict()

    def of(self, integration_id: str) -> tuple[Breaker, RateLimit]:
        with self._lock:
            found = self._known.get(integration_id)
            if found is None:
                found = Breaker(integration_id, clock=self._clock), RateLimit(integration_id, [], clock=self._clock)
                self._known[integration_id] = found
            self._known.move_to_end(integration_id)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
            return found


def material_of(session: Session, installation: Installation, row: Integration) -> Material:
    """What `row` is made of. Raises `DecryptionFailed`."""
    type_ = registry_of(installation).find(row.type)
    needs_secrets = not isinstance(type_, IntegrationType) or any(one.is_secret for one in type_.attributes)
    return Material(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        type_id=row.type,
        configuration=dict(row.configuration),
        # Where nothing is sealed no key is needed.
        secrets=vault.read(session, installation.keyring, row.id) if needs_secrets else {},
        prepared=dict(row.prepared),
        connection_id=row.connection_id,
        sync=dict(row.sync),
    )


def type_of(installation: Installation, material: Material) -> IntegrationType:
    """Its type. Raises `NotFound` where there is none, or it is broken."""
    return registry_of(installation).require(material.type_id)


def open_instance(installation: Installation, material: Material, *, timeout: Timeout | None = None) -> Instance:
    """What its type is given; a context, which closes its clients. To be called outside of transactions.

    Raises `NotFound` (type, connection), `ConnectionRevoked`, `InvalidInput`, `StorageUnavailable`.
    """
    type_ = type_of(installation, material)
    breaker, limit = installation.part(_Shared).of(material.id)
    connection = None
    if material.connection_id is not None:
        connection = connected(installation, material.tenant_id, material.connection_id)
    return Instance(
        id=material.id,
        tenant_id=material.tenant_id,
        name=material.name,
        integration_name=type_.id,
        configuration=completed(type_.attributes, material.configuration),
        secrets=material.secrets,
        prepared=material.prepared,
        connection=connection,
        installation=installation,
        breaker=breaker,
        limit=limit,
        timeout=timeout or Timeout(),
    )


def options_of(installation: Installation, material: Material) -> SyncOptions:
    """How it syncs. Raises `NotFound` as above."""
    return sync_options(type_of(installation, material).sync_defaults, material.sync)
