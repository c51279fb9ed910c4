"""Whole tables as plain rows: for loads that read everything and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from sqlalchemy import select

from gateway.db.model import Base
from gateway.db.scope import SystemSession

Model = TypeVar("Model", bound=Base)


def every_row(session: SystemSession, model: type[Model], *, tenant_id: str | None = None) -> Sequence[Model]:
    """Every row of `model`, or every one of a tenant, by its primary key, with its attributes. Objects of a session
    would cost more.
    """
    table = model.__table__
    rows = select(table).order_by(*table.primary_key)
    if tenant_id is not None:
        rows = rows.where(table.c.tenant_id == tenant_id)
    return cast("Sequence[Model]", session.execute(rows).all())
