"""What commands work on: settings, database, keys, catalogue and clock, each made when first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from sqlalchemy import make_url

from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import failures
from gateway.cli.terminal.options import AS_JSON, TENANT, common_options
from gateway.clock import Clock, SystemClock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.db.schema.version import require_current
from gateway.db.scope import TenantSession
from gateway.errors import SchemaBehind
from gateway.providers import Provider, catalogue
from gateway.security.keyfile import load_keyring
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.tenants.directory import find_tenant
from gateway.tenants.models import DEFAULT_TENANT

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Installation:
    """One command's view of the gateway. `tenant` is a slug; `as_json` says how to answer."""

    def __init__(
        self, settings: Settings, *, tenant: str = DEFAULT_TENANT, as_json: bool = False, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.tenant = tenant
        self.as_json = as_json
        self.clock: Clock = clock or SystemClock()
        self._opened: Database | None = None

    @property
    def database(self) -> Database:
        """The database, known to be there and to have this version's schema. Raises `StorageUnavailable`."""
        if self._opened is None:
            database = self.open_database()
            require_current(database)
            self._opened = database
        return self._opened

    def open_database(self) -> Database:
        """The database in whatever state it is. Raises `SchemaBehind` when SQLite's file is not there."""
        database = Database.open(self.settings.database_url)
        path = sqlite_path(database.engine)
        if path is not None and not path.exists():
            raise SchemaBehind(f"there is no database at {path} yet: `gateway run` makes it, or `gateway db upgrade`")
        return database

    @cached_property
    def keyring(self) -> Keyring:
        """The encryption keys. Raises `ConfigurationError`."""
        return load_keyring(self.settings)

    @cached_property
    def catalogue(self) -> Mapping[str, Provider]:
        """Every provider. Raises `ConfigurationError`."""
        return catalogue(self.settings.providers_dir)

    @property
    def policy(self) -> AddressPolicy:
        """Which addresses a destination may have."""
        return AddressPolicy(allow_private=self.settings.allow_private_destinations)

    def now(self) -> datetime:
        """The time, aware UTC."""
        return from_us(self.clock.now_us())

    @contextmanager
    def session(self, *, write: bool = False) -> Iterator[TenantSession]:
        """A session of the chosen tenant. Raises `NotFound` when there is no such tenant."""
        with self.database.system_session() as system:
            tenant_id = find_tenant(system, self.tenant).id
        with self.database.tenant_session(tenant_id, write=write) as session:
            yield session

    def close(self) -> None:
        """Let go of the database."""
        if self._opened is not None:
            self._opened.close()

    def database_name(self) -> str:
        """The database's URL for people, without its password."""
        return make_url(self.settings.database_url).render_as_string(hide_password=True)


def with_installation(
    command: Callable[Concatenate[Installation, Parameters], Result],
) -> Callable[Parameters, Result]:
    """Decorator of a command: calls it with an `Installation`, takes the common options, and reports our errors."""

    @common_options
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Result:
        meta = click.get_current_context().meta
        with failures():
            installation = Installation(
                local_settings(), tenant=meta.get(TENANT, DEFAULT_TENANT), as_json=meta.get(AS_JSON, False)
            )
            try:
                return command(installation, *args, **kwargs)
            finally:
                installation.close()

    return run
