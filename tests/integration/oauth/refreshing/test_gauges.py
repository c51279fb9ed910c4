"""What is counted of connections."""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.shared_clock import shared_now
from gateway.installation import Installation
from gateway.oauth.connections.gauges import OVERDUE, read_connection_gauges
from gateway.oauth.models import Connection
from gateway.tenants.acting import act
from tests.services.acting import TESTER


def test_those_that_live_by_provider_and_state(settings: Settings, fake_clock: FakeClock) -> None:
    rows = [
        ("github", "connected", 0),
        ("github", "needs_reauth", None),
        ("xero", "connected", 400),
        ("xero", "revoked", 9),
    ]
    with Installation(settings, clock=fake_clock) as installation:
        now = shared_now(fake_clock, installation.database)
        with act(installation, actor=TESTER, write=True) as acting:
            for number, (provider, state, late_seconds) in enumerate(rows):
                acting.session.add(
                    Connection(
                        id=f"conn_{number}",
                        provider=provider,
                        way="authorization_code",
                        state=state,
                        scopes_asked=[],
                        parameters={},
                        kept={},
                        refresh_at=None if late_seconds is None else now - timedelta(seconds=late_seconds),
                        scheduled_at=now,
                        connected_at=now,
                        created_at=now,
                        updated_at=now,
                    )
                )
        gauges = read_connection_gauges(installation.database, fake_clock)
    assert timedelta(seconds=400) > OVERDUE
    assert gauges.overdue == 1
    assert gauges.connections_by_provider_and_state == {
        ("github", "connected"): 1,
        ("github", "needs_reauth"): 1,
        ("xero", "connected"): 1,
    }
