"""One call of a command: the installation it works on, who calls it for which tenant, and how to answer."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import failures
from gateway.cli.terminal.options import AS_JSON, TENANT, common_options
from gateway.db.schema.version import require_current
from gateway.installation import Installation
from gateway.tenants.acting import Acting, SystemActing, act, act_for_system
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import DEFAULT_TENANT

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Invocation:
    """`given_tenant` is the slug that was given, if any; `as_json` says how to answer."""

    def __init__(self, installation: Installation, *, actor: Actor, given_tenant: str | None, as_json: bool) -> None:
        self.installation = installation
        self.actor = actor
        self.given_tenant = given_tenant
        self.as_json = as_json
        self._is_checked = False

    @property
    def tenant(self) -> str:
        """The slug of the tenant whose data is meant."""
        return self.given_tenant or DEFAULT_TENANT

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self.installation.now()

    @contextmanager
    def reading(self) -> Iterator[Acting]:
        """A transaction of the caller that only reads. Raises `NotFound` (tenant), `StorageUnavailable`."""
        self.require_database()
        with act(self.installation, actor=self.actor, tenant=self.tenant) as acting:
            yield acting

    @contextmanager
    def changing(self) -> Iterator[Acting]:
        """A transaction of the caller that may write; the same errors."""
        self.require_database()
        with act(self.installation, actor=self.actor, tenant=self.tenant, write=True) as acting:
            yield acting

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Acting]:
        """One of several transactions of the caller, for a use case that opens them itself; the same errors."""
        with self.changing() if write else self.reading() as acting:
            yield acting

    @contextmanager
    def for_system(self, *, write: bool = False) -> Iterator[SystemActing]:
        """A transaction of the caller that belongs to no tenant."""
        self.require_database()
        with act_for_system(self.installation, actor=self.actor, write=write) as acting:
            yield acting

    @contextmanager
    def anywhere(self, *, write: bool = False) -> Iterator[Acting | SystemActing]:
        """A transaction of the caller for the tenant that was given; where none was, for all and what belongs to none.

        Raises `NotFound` (tenant), `StorageUnavailable`.
        """
        if self.given_tenant is None:
            with self.for_system(write=write) as system:
                yield system
        else:
            with self.transaction(write=write) as acting:
                yield acting

    def require_database(self) -> None:
        """Raises `SchemaBehind` unless the database is there with this version's schema; looks once."""
        if not self._is_checked:
            require_current(self.installation.database)
            self._is_checked = True


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
                installation,
                actor=Actor(ActorKind.COMMAND_LINE, _user(), address=os.uname().nodename),
                given_tenant=meta.get(TENANT),
                as_json=meta.get(AS_JSON, False),
            )
            return command(invocation, *args, **kwargs)

    return run


def _user() -> str:
    """The name of the user who runs the command; the number, where the machine has no name for it."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
