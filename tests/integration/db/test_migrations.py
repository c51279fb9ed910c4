"""The migrated schema is the declared one, upgrades can be repeated and raced, and a database behind is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway.db.database import Database
from gateway.db.model import Base
from gateway.db.schema.upgrade import config_on, upgrade
from gateway.db.schema.version import current, head, require_current
from gateway.errors import SchemaBehind
from gateway.factory import create_app
from gateway.tenant_data.tables import OWNED

pytestmark = pytest.mark.pooled

assert create_app  # importing these declares every table
assert OWNED


def test_migrated_and_declared_schema_are_equal(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_head_is_told_as_alembic_tells_it() -> None:
    assert head() == ScriptDirectory.from_config(config_on(None)).get_current_head()


def test_upgrading_again_changes_nothing(database: Database, database_url: str) -> None:
    assert upgrade(database_url) == head() == current(database)


def test_a_database_that_is_behind_is_refused_with_the_command_to_run(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(SchemaBehind, match="has schema 0000"):
        require_current(database)


def test_a_database_that_is_ahead_is_served_while_machines_are_updated(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    require_current(database)


def test_an_empty_file_has_no_schema_yet(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    database = Database.open(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(SchemaBehind, match="no schema yet"):
        require_current(database)
    database.close()


def test_asking_for_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(SchemaBehind, match="no database at"):
        require_current(database)
    database.close()
    assert list(tmp_path.iterdir()) == []


def test_two_first_starts_at_once_both_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'raced.db'}"
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(upgrade, [url, url])) == [head(), head()]
