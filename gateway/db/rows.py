"""Whole tables as plain rows: for loads that read everything and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from sqlalchemy import select

from gateway.db.model import Base
from gateway.db.scope import SystemSession

Model = TypeVar("Model", bound=Base)


def every_row(session: SystemSession, model: type[Model]) -> Sequence[Model]:
    """Every row of `model` by its primary key, with its attributes. Objects of a session would cost more."""
    table = model.__table__
    return cast("Sequence[Model]", session.execute(select(table).order_by(*table.primary_key)).all())
