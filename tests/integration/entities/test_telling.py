"""Events about entities: in the transaction of what happened, routed, and announced after it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.delivery.models import Delivery
from gateway.delivery.telling import tell
from gateway.events.models import Event
from gateway.events.system import ENTITY_UPDATED, Occurrence
from gateway.installation import Installation
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as opened:
        yield opened


def told(acting: Acting, many: int) -> None:
    occurrences = [Occurrence(acting.tenant.id, ENTITY_UPDATED, {"number": number}) for number in range(many)]
    tell(acting.session, acting.installation, occurrences)


def told_in_vain(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        told(acting, 5)
        raise RuntimeError


def test_all_are_journalled_in_order_with_the_transaction_or_not_at_all(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        told(acting, 3)
    with pytest.raises(RuntimeError):
        told_in_vain(installation)
    with installation.database.system_session() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
        assert session.scalars(select(Delivery)).all() == []
    assert [json.loads(event.body)["data"] for event in events] == [{"number": number} for number in range(3)]
    assert {(event.source, event.type) for event in events} == {("gateway", "gateway.entity.updated")}


def test_nothing_to_tell_reads_nothing(installation: Installation) -> None:
    with act(installation, actor=TESTER) as acting:
        told(acting, 0)
