"""What tests of every kind share: a database of each kind, settings, a clock, and no way out of this machine.

What speaks with databases is imported by the fixtures: tests of units have none.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from tests.services.distribution import Distribution, longest_first
from tests.services.logging_restored import logging_restored
from tests.services.loopback import loopback_only

if TYPE_CHECKING:
    from sqlalchemy import URL

    from gateway.db.database import Database
    from tests.services.brokers import PrivateRabbitmq, PrivateRedis
    from tests.services.postgres import PrivatePostgres
    from tests.services.reused_databases import ReusedDatabases

# In CI a service that is not there is a failure, so that nothing goes untested unseen.
SERVICES_REQUIRED = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


DATABASES = ("sqlite", *(pytest.param(kind, marks=pytest.mark.postgres) for kind in ("postgres", "pooled")))


@dataclass(frozen=True)
class PostgresTemplate:
    """A server, and the name of a migrated database on it that is there to be copied."""

    server: URL
    name: str


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Distribution | None:
    """Who asks for `--dist loadscope` gets ours; other ways of giving out tests stay as they are."""
    return Distribution(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """What is imported and listed stays to the end: the collector of garbage need not go through it over and over."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the long ones come first."""
    if hasattr(config, "workerinput"):
        items.sort(key=longest_first)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Who asks for a database runs once on each kind, and behind a pooler too if marked `pooled`."""
    asked = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "database_url" in metafunc.fixturenames and not any("database_url" in names for names in asked):
        is_pooled = metafunc.definition.get_closest_marker("pooled") is not None
        metafunc.parametrize("database_url", DATABASES[: 3 if is_pooled else 2], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _loopback() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    with logging_restored():
        yield


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that moves only when told to."""
    return FakeClock()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database of the test's own, of a kind of `DATABASES`."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        path = tmp_path / "gateway.db"
        shutil.copyfile(template, path)
        yield f"sqlite:///{path}"
        return
    reused: ReusedDatabases = request.getfixturevalue("_reused_databases")
    with reused.lent() as url:
        yield url if request.param == "postgres" else _through(request.getfixturevalue("pooler"), url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for `database_url`, with a key file of the test's own, and deliveries to loopback allowed."""
    return Settings(
        database_url=database_url,
        encryption_key_file=tmp_path / "encryption.key",
        allow_private_destinations=True,
    )


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The open database of `database_url`."""
    from gateway.db.database import Database

    opened = Database.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def private_postgres() -> Iterator[PrivatePostgres]:
    """A PostgreSQL server that belongs to the test, to be stopped, killed and started again."""
    from tests.services.postgres import PostgresMissing, PrivatePostgres

    try:
        server = PrivatePostgres()
    except PostgresMissing as reason:
        _do_without(str(reason))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis for tests of this process, which they leave as they like; see `broker_url`."""
    from tests.services.brokers import BrokerMissing, redis_broker

    try:
        with redis_broker() as server:
            yield server.url
    except BrokerMissing as reason:
        _do_without(str(reason))


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ, or a virtual host of one, for tests of this process."""
    from tests.services.brokers import BrokerMissing
    from tests.services.brokers import rabbitmq_url as made

    try:
        with made() as url:
            yield url
    except BrokerMissing as reason:
        _do_without(str(reason))


@pytest.fixture
def private_redis() -> Iterator[PrivateRedis]:
    """A Redis that belongs to the test, to be killed and started again."""
    from tests.services.brokers import BrokerMissing, redis_broker

    try:
        with redis_broker() as server:
            yield server
    except BrokerMissing as reason:
        _do_without(str(reason))


@pytest.fixture
def private_rabbitmq() -> Iterator[PrivateRabbitmq]:
    """The same of RabbitMQ."""
    from tests.services.brokers import BrokerMissing, PrivateRabbitmq

    try:
        server = PrivateRabbitmq()
    except BrokerMissing as reason:
        _do_without(str(reason))
    yield server
    server.remove()


@pytest.fixture(params=["rabbitmq", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """The URL of a broker in whose queues nothing is; the test runs once with each kind."""
    from tests.services.brokers import emptied

    url: str = request.getfixturevalue(f"{request.param}_url")
    emptied(url)
    return url


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gateway.db.schema.upgrade import upgrade

    path = tmp_path_factory.mktemp("template") / "gateway.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    from tests.services.postgres import PostgresMissing, server_url

    try:
        with server_url() as url:
            yield url
    except PostgresMissing as reason:
        _do_without(str(reason))


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: URL) -> Iterator[PostgresTemplate]:
    from gateway.db.schema.upgrade import upgrade
    from tests.services.postgres import create_database, drop_database, fresh_name

    name = fresh_name("template")
    upgrade(create_database(postgres_server, name))
    yield PostgresTemplate(postgres_server, name)
    drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def _reused_databases(_postgres_template: PostgresTemplate) -> Iterator[ReusedDatabases]:
    from tests.services.reused_databases import ReusedDatabases

    reused = ReusedDatabases(_postgres_template.server, _postgres_template.name)
    yield reused
    reused.remove()


@pytest.fixture(scope="session")
def pooler(postgres_server: URL) -> Iterator[URL]:
    from tests.services.pgbouncer import PgBouncerMissing, pgbouncer

    try:
        with pgbouncer(postgres_server) as url:
            yield url
    except PgBouncerMissing as reason:
        _do_without(str(reason))


def _through(pooler: URL, url: str) -> str:
    from sqlalchemy import make_url

    return pooler.set(database=make_url(url).database).render_as_string(hide_password=False)


def _do_without(reason: str) -> None:
    if SERVICES_REQUIRED:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
