"""What a described list can do. Pure."""

from __future__ import annotations

from gateway.entities.external import Abilities
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.rest.soundness import CHANGES
from gateway.providers.api.model import Resource


def abilities_of(entity: EntityDescription, resource: Resource) -> Abilities:
    """What a list can do by its description. An idempotency key finds nothing: it makes a create that is repeated the
    same one.
    """
    is_bound = resource.concurrency is not None or looks_first(entity, resource)
    counted = resource.paging.style in {"page", "offset"} and resource.one is not None
    return Abilities(
        is_incremental=resource.delta is not None or (resource.since is not None and entity.updated_at is not None),
        is_complete=True if entity.is_complete is None else entity.is_complete,
        shifts=counted if entity.shifts is None else entity.shifts,
        looks_up=resource.one is not None,
        writes=frozenset(action for action in CHANGES if action in resource.writes),
        finds=entity.find is not None and "create" in resource.writes,
        is_conditional=is_bound and "update" in resource.writes,
    )


def looks_first(entity: EntityDescription, resource: Resource) -> bool:
    """Whether a version is looked at right before a write, since the system itself binds none to it."""
    return resource.concurrency is None and entity.version is not None and resource.one is not None
