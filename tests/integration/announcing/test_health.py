"""What machines and people hear of the broker: a gateway without it is ready, and less well than it could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.db.schema.upgrade import upgrade
from gateway.doctor.broker import broker
from gateway.doctor.check import Level
from gateway.factory import create_app
from gateway.installation import Installation
from tests.services.postgres import free_port
from tests.services.relay import relay_to
from tests.services.waiting import until


def test_readyz_is_degraded_while_it_is_away(redis_url: str, tmp_path: Path) -> None:
    with relay_to(redis_url) as relay:
        settings = Settings(
            database_url=f"sqlite:///{tmp_path}/gateway.db",
            encryption_key_file=tmp_path / "key",
            broker_url=relay.before(redis_url),
        )
        upgrade(settings.database_url)
        with Installation(settings, clock=SystemClock()) as installation:
            client = create_app(installation).test_client()

            def is_told(status: str) -> bool:
                answer = client.get("/readyz")
                assert answer.status_code == 200
                return answer.json is not None and answer.json["status"] == status

            until(lambda: is_told("ok"), "connected")
            relay.refuse()
            until(lambda: is_told("degraded"), "away")
            checks = client.get("/readyz").json["checks"]  # type: ignore[index]
            assert checks["broker"]["degraded"]
            assert "away since" in checks["broker"]["detail"]
            relay.heal()
            until(lambda: is_told("ok"), "back")


def test_the_doctor_says_how_it_is(broker_url: str) -> None:
    assert list(broker(Settings())) == []
    (found,) = broker(Settings(broker_url=broker_url))
    assert found.level is Level.OK
    assert "0 messages wait" in found.detail


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_the_doctor_warns_of_one_that_is_away_and_shows_no_password(scheme: str) -> None:
    (found,) = broker(Settings(broker_url=f"{scheme}://me:secret@127.0.0.1:{free_port()}/0"))
    assert found.level is Level.WARN
    assert "is away" in found.detail
    assert "secret" not in found.detail
