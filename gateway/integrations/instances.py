"""The port of entities to integrations (`gateway.entities.instances`), on their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import or_, select

from gateway.entities.instances import Instances, Named, Opened
from gateway.errors import Conflict, Hint
from gateway.integrations.models import Integration
from gateway.integrations.opening import material_of, open_instance, options_of, type_of
from gateway.integrations.requesting import request_push
from gateway.integrations.rows import require_integration
from gateway.integrations.states import IntegrationState
from gateway.tenants.acting import Acting

_TAKES_EDITS: Final = frozenset({IntegrationState.ACTIVE, IntegrationState.PAUSED})


class IntegrationInstances:
    """The integrations of whoever acts."""

    def find(self, acting: Acting, name: str) -> Named | None:
        """The one with this name or id."""
        statement = select(Integration).where(or_(Integration.name == name, Integration.id == name))
        found = acting.session.scalars(statement).all()
        # A name that reads like the id of another integration loses.
        row = next((one for one in found if one.id == name), found[0] if found else None)
        return None if row is None else _named(row)

    def named(self, acting: Acting, ids: Collection[str]) -> Mapping[str, Named]:
        """Those of these ids that there are."""
        if not ids:
            return {}
        rows = acting.session.scalars(select(Integration).where(Integration.id.in_(ids)))
        return {row.id: _named(row) for row in rows}

    @contextmanager
    def opened(self, acting: Acting, instance_id: str) -> Iterator[Opened]:
        """Its system, for as long as the block lasts. Raises `Conflict` for an integration that is neither active nor
        paused, `InvalidInput`, `NotFound`.
        """
        row = require_integration(acting.session, instance_id)
        if row.state not in _TAKES_EDITS:
            message = f"the integration {row.name!r} is {row.state}: nothing would be sent"
            raise Conflict(message, Hint("activate_integration", {"name": row.name}))
        material = material_of(acting.session, acting.installation, row)

        def ask(acting: Acting) -> None:
            # While it is paused edits wait; going on asks for them.
            if row.state == IntegrationState.ACTIVE:
                request_push(acting, row)

        with open_instance(acting.installation, material) as instance:
            external = type_of(acting.installation, material).external(instance)
            yield Opened(external, options_of(acting.installation, material), ask)


def _named(row: Integration) -> Named:
    return Named(row.id, row.name, row.type)


INSTANCES: Final[Instances] = IntegrationInstances()
