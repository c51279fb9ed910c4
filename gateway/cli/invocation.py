"""One call of a command: the installation it works on, whose data, and how to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import failures
from gateway.cli.terminal.options import AS_JSON, TENANT, common_options
from gateway.db.database import Database
from gateway.db.schema.version import require_current
from gateway.db.scope import TenantSession
from gateway.installation import Installation
from gateway.tenants.directory import find_tenant
from gateway.tenants.models import DEFAULT_TENANT

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Invocation:
    """`tenant` is a slug; `as_json` says how to answer."""

    def __init__(self, installation: Installation, *, tenant: str, as_json: bool) -> None:
        self.installation = installation
        self.tenant = tenant
        self.as_json = as_json
        self._is_checked = False

    @property
    def database(self) -> Database:
        """The database, known to be there and to have this version's schema. Raises `StorageUnavailable`."""
        database = self.installation.database
        if not self._is_checked:
            require_current(database)
            self._is_checked = True
        return database

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self.installation.now()

    @contextmanager
    def session(self, *, write: bool = False) -> Iterator[TenantSession]:
        """A session of the chosen tenant. Raises `NotFound` when there is no such tenant."""
        with self.database.system_session() as system:
            tenant_id = find_tenant(system, self.tenant).id
        with self.database.tenant_session(tenant_id, write=write) as session:
            yield session


def with_invocation(
    command: Callable[Concatenate[Invocation, Parameters], Result],
) -> Callable[Parameters, Result]:
    """Decorator of a command: calls it with its `Invocation`, takes the common options, and reports our errors."""

    @common_options
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Result:
        meta = click.get_current_context().meta
        with failures(), Installation(local_settings()) as installation:
            invocation = Invocation(
                installation, tenant=meta.get(TENANT, DEFAULT_TENANT), as_json=meta.get(AS_JSON, False)
            )
            return command(invocation, *args, **kwargs)

    return run
