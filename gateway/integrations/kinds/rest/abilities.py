"""What a described list can do. Pure."""

from __future__ import annotations

from gateway.entities.external import Abilities
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.rest.soundness import CHANGES
from gateway.providers.api.model import Resource


def abilities_of(entity: EntityDescription, resource: Resource, *, is_keyed: bool) -> Abilities:
    """What a list can do by its description."""
    create = resource.writes.get("create")
    takes_key = create is not None and (
        is_keyed or create.idempotency_header is not None or create.idempotency_field is not None
    )
    counted = resource.paging.style in {"page", "offset"} and resource.one is not None
    return Abilities(
        is_incremental=resource.delta is not None or (resource.since is not None and entity.updated_at is not None),
        is_complete=True if entity.is_complete is None else entity.is_complete,
        shifts=counted if entity.shifts is None else entity.shifts,
        looks_up=resource.one is not None,
        writes=frozenset(action for action in CHANGES if action in resource.writes),
        finds=create is not None and (takes_key or entity.find is not None),
        is_conditional=resource.concurrency is not None and "update" in resource.writes,
    )
