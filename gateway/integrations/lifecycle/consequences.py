"""What taking an integration down removes and keeps: counted before it is done, so that a person can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, select, text

from gateway.entities.models import IS_OPEN, IS_UNSETTLED, Entity, EntityConflict, LocalChange, QuarantinedRecord
from gateway.integrations.models import Integration
from gateway.integrations.rows import require_integration
from gateway.tenants.acting import Acting

SAFE: Final = "safe"
ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """`total` entities, of which `removed` go. With the user's own data are `with_user_data`; `unsent_edits` are local
    edits that the system does not have, `open_conflicts` wait for a person, `quarantined` are records that could not be
    taken in. `prepared` are the names of what the type takes back outside.
    """

    integration: str
    state: str
    mode: str
    total: int
    removed: int
    kept: int
    with_user_data: int
    unsent_edits: int
    open_conflicts: int
    quarantined: int
    prepared: Sequence[str]


def consequences(acting: Acting, name: str, mode: str = SAFE) -> Consequences:
    """What deactivating it in `mode` would do. Raises `NotFound`."""
    row = require_integration(acting.session, name)
    total = _count(acting, Entity, Entity.instance_id == row.id)
    kept = 0 if mode == ALL else _count(acting, Entity, Entity.instance_id == row.id, is_kept())
    return Consequences(
        integration=row.name,
        state=row.state,
        mode=mode,
        total=total,
        removed=total - kept,
        kept=kept,
        with_user_data=_count(acting, Entity, Entity.instance_id == row.id, Entity.user_data.is_not(None)),
        unsent_edits=_count(acting, LocalChange, LocalChange.instance_id == row.id, text(IS_UNSETTLED)),
        open_conflicts=_count(acting, EntityConflict, EntityConflict.instance_id == row.id, text(IS_OPEN)),
        quarantined=_count(acting, QuarantinedRecord, QuarantinedRecord.instance_id == row.id),
        prepared=sorted(row.prepared),
    )


def is_kept() -> ColumnElement[bool]:
    """Holds for entities that carry something of the user's: data of its own, or edits that the system lacks."""
    unsent = exists().where(and_(LocalChange.entity_id == Entity.id, LocalChange.state.not_in(["done", "dropped"])))
    conflict = exists().where(and_(EntityConflict.entity_id == Entity.id, EntityConflict.state == "open"))
    return Entity.user_data.is_not(None) | unsent | conflict


def has_entities(acting: Acting, row: Integration) -> bool:
    """Whether any is left of it."""
    return acting.session.scalar(select(Entity.id).where(Entity.instance_id == row.id).limit(1)) is not None


def _count(acting: Acting, model: Any, *which: Any) -> int:
    return acting.session.scalar(select(func.count()).select_from(model).where(*which)) or 0
