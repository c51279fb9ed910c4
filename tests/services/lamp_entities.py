"""An integration of the type `lamps` that is active, with lamps as entities: as activating and pulling leave them."""

from __future__ import annotations

from gateway.entities.content import mapped_digest
from gateway.entities.external import Mapped
from gateway.entities.models import Entity
from gateway.installation import Installation
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.rows import require_integration
from gateway.integrations.states import IntegrationState
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER
from tests.services.lamp_system import TOKEN, LampSystem


def furnish_lamps(installation: Installation, system: LampSystem, *, name: str = "house", count: int = 2) -> list[str]:
    """The ids of the entities `lamps:l0`, `lamps:l1`, …, which are off."""
    system.put(count)
    draft = IntegrationDraft(name=name, type="lamps", configuration={"url": system.url}, secrets={"token": TOKEN})
    with act(installation, actor=TESTER, write=True) as acting:
        add_integration(acting, draft)
        row = require_integration(acting.session, name)
        row.state = IntegrationState.ACTIVE
        return [_lamp(acting, row.id, number) for number in range(count)]


def _lamp(acting: Acting, instance_id: str, number: int) -> str:
    mapped = Mapped(integration_id=f"l{number}", name=f"Lamp {number}", state="off", attributes={"on": False})
    made = new_id("ent")
    acting.session.add(
        Entity(
            id=made,
            instance_id=instance_id,
            integration_name="lamps",
            integration_id=mapped.integration_id,
            kind="lamp",
            name=mapped.name,
            state=mapped.state,
            attributes=dict(mapped.attributes),
            content_hash=mapped_digest(mapped),
            changed_by="pull",
            created_at=acting.now,
            updated_at=acting.now,
        )
    )
    return made
