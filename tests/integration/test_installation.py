"""What one process has: made when first asked for, once, and closed in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask.globals import app_ctx
from sqlalchemy import create_engine

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.engines.embedded import run_worker
from gateway.errors import ConfigurationError
from gateway.factory import create_app, db
from gateway.installation import Installation, installation_of
from gateway.outgoing.resolver import StaticResolver
from gateway.webhooks.receive.assembly import inbound_of


@dataclass(frozen=True)
class Part:
    """Something to be closed."""

    name: str
    closed: list[str]

    def close(self) -> None:
        self.closed.append(self.name)


def test_nothing_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/none.db", encryption_key_file=tmp_path / "key")
    with Installation(settings) as installation:
        assert list(tmp_path.iterdir()) == []
        assert installation.keyring is installation.keyring
        assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_it_has_is_made_once_whoever_asks(settings: Settings) -> None:
    with Installation(settings) as installation, ThreadPoolExecutor(8) as threads:
        for have in ("database", "keyring", "handlers", "resolver", "fetcher", "metrics"):
            found = list(threads.map(lambda _, name=have: getattr(installation, name), range(16)))
            assert len({id(one) for one in found}) == 1, have


def test_parts_are_closed_once_the_latest_first(settings: Settings) -> None:
    closed: list[str] = []

    def first(_installation: Installation) -> Part:
        return Part("first", closed)

    def second(installation: Installation) -> Part:
        installation.part(first)
        return Part("second", closed)

    installation = Installation(settings)
    assert installation.part(second) is installation.part(second)
    installation.close()
    installation.close()
    assert closed == ["second", "first"]


def test_clock_and_resolver_may_be_given(settings: Settings, fake_clock: FakeClock) -> None:
    resolver = StaticResolver({})
    with Installation(settings, clock=fake_clock, resolver=resolver) as installation:
        assert installation.resolver is resolver
        assert installation.now() == from_us(fake_clock.now_us())


def test_the_policy_is_the_settings(settings: Settings) -> None:
    strict = replace(settings, allow_private_destinations=False)
    assert Installation(settings).policy.allows("127.0.0.1")
    assert not Installation(strict).policy.allows("127.0.0.1")


def test_the_web_application_works_on_one_engine_with_flask_sqlalchemy(settings: Settings) -> None:
    with Installation(settings) as installation:
        app = create_app(installation)
        assert installation_of(app) is installation
        assert [name for name in app.extensions if name.startswith("gateway")] == ["gateway"]
        with app.app_context():
            assert app_ctx.app is app
            assert db.engine is installation.database.engine
            assert db.session.connection().engine.url == installation.database.engine.url
        inbound_of(installation)


def test_an_engine_is_adopted_before_the_first_use_or_not_at_all(settings: Settings) -> None:
    with Installation(settings) as installation:
        assert installation.database
        with pytest.raises(RuntimeError, match="opened its database already"):
            installation.adopt(create_engine("sqlite://"))


def test_a_start_tells_the_faults_of_everything_that_settings_name(settings: Settings, tmp_path: Path) -> None:
    catalogue, key = tmp_path / "providers", tmp_path / "open.key"
    catalogue.mkdir()
    (catalogue / "mine.yaml").write_text("name: [")
    key.write_text("no key")
    key.chmod(0o644)
    faulty = replace(settings, encryption_key_file=key, providers_dir=catalogue, handlers=("no_such_module_here",))
    for start in (create_app, run_worker):
        with Installation(faulty) as installation, pytest.raises(ConfigurationError) as told:
            start(installation)
        assert [
            any(word in fault for fault in told.value.faults) for word in ("open.key", "mine.yaml", "no_such_module")
        ] == [True] * 3
