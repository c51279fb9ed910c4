"""What pushes are about to make, written down before their calls: how an echo of our own push is known, whether it
comes before the push's own answer or long after it.

While a push is under way, whatever is seen of its entity may be its own work or somebody else's: that something was
seen is noted on its mark, and whoever pushes looks again when the answer is there. What comes later is the record that
the answer had, which the entity holds: equal content is no news (`gateway.entities.content`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.orm import Session

from gateway.entities.comparing import ABSENT, same
from gateway.entities.external import Mapped
from gateway.entities.models import IS_WAITING, LocalChange, PushMark
from gateway.entities.states import ChangeState
from gateway.security.identifiers import new_id

_MARKS: Table = PushMark.__table__  # type: ignore[assignment]
_IS_WAITING = text(f"({IS_WAITING})")

GONE: Final = b"\x00" * 16
"""What is noted where a push's entity was seen to be gone."""
KEPT_FOR: Final = timedelta(hours=1)


def add_marks(session: Session, rows: Collection[Mapping[str, Any]], at: datetime) -> None:
    """Write what is about to be sent. Rows have `tenant_id`, `instance_id`, `entity_id`, `change_id`, `operation`."""
    if rows:
        made = [{"id": new_id("mark"), "expires_at": at + KEPT_FOR, **row} for row in rows]
        session.connection().execute(insert(_MARKS), made)


def seen_amid(session: Session, change_ids: Collection[str]) -> dict[str, bytes]:
    """What was seen while the pushes of these changes were under way, by change; nothing where nothing was."""
    if not change_ids:
        return {}
    mine = PushMark.change_id.in_(change_ids) & PushMark.seen.is_not(None)
    rows = session.execute(select(PushMark.change_id, PushMark.seen).where(mine).order_by(PushMark.id))
    return {change_id: seen for change_id, seen in rows if seen is not None}


def mark_answered(session: Session, change_ids: Collection[str], at: datetime) -> None:
    """The outcome of the pushes of these changes is known."""
    if change_ids:
        mine = PushMark.change_id.in_(change_ids) & PushMark.answered_at.is_(None)
        changed = update(PushMark).where(mine).values(answered_at=at)
        session.execute(changed, execution_options={"synchronize_session": False})


def note_seen(session: Session, entity_id: str, content: bytes | None) -> None:
    """Something was seen of an entity whose push is under way: this content, or None that it is gone."""
    mine = (PushMark.entity_id == entity_id) & PushMark.answered_at.is_(None)
    session.execute(update(PushMark).where(mine).values(seen=content or GONE))


def creating(session: Session, instance_id: str) -> list[LocalChange]:
    """The creates of an integration that are under way."""
    mine = (LocalChange.instance_id == instance_id) & (LocalChange.state == ChangeState.SENDING) & _IS_WAITING
    return list(session.scalars(select(LocalChange).where(mine, LocalChange.operation == "create")))


def is_made_by(edit: LocalChange, mapped: Mapped) -> bool:
    """Whether a record that nobody knows is what this create makes. Pure."""
    if mapped.mark is not None and edit.idempotency_key in mapped.mark:
        return True
    return bool(edit.fields) and all(
        same(value, mapped.attributes.get(name, ABSENT)) for name, value in edit.fields.items()
    )


def forget_marks(session: Session, before: datetime) -> int:
    """Remove what expired before; how many there were."""
    found: Any = session.execute(delete(PushMark).where(PushMark.expires_at < before))
    return int(found.rowcount)
