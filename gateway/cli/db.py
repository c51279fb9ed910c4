"""`gateway db`: the schema's version."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import STORAGE_UNAVAILABLE
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_json
from gateway.db.faults import storage_errors
from gateway.db.schema import version
from gateway.deferred import deferred

# It loads Alembic, which only `upgrade` needs.
_upgrade = deferred("gateway.db.schema.upgrade")


@click.group()
@common_options
def db() -> None:
    """The database's schema."""


@db.command()
@with_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring the database to this version's schema; creates an SQLite database that is not there."""
    with storage_errors():
        revision = _upgrade.upgrade(invocation.installation.settings.database_url)
    if invocation.as_json:
        print_json({"revision": revision})
    else:
        click.echo(f"The database is at {revision}, which is {_place(revision)}.")


@db.command()
@with_invocation
def current(invocation: Invocation) -> None:
    """Show which schema the database has; exits with 4 when it needs an upgrade."""
    found, wanted = version.current(invocation.installation.database), version.head()
    is_behind = (found or "") < wanted
    if invocation.as_json:
        print_json({"revision": found, "wanted": wanted, "is_current": found == wanted})
    else:
        click.echo(found or "no schema")
        note(f"this version needs {wanted}: run `gateway db upgrade`" if is_behind else _place(found or ""))
    if is_behind:
        raise click.exceptions.Exit(STORAGE_UNAVAILABLE)


def _place(revision: str) -> str:
    wanted = version.head()
    return "current" if revision == wanted else f"newer than this version's {wanted}"
