"""`gateway db`: the schema's version."""

from __future__ import annotations

import click

from gateway.cli.installation import Installation, with_installation
from gateway.cli.terminal.failures import STORAGE_UNAVAILABLE
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_json
from gateway.db.faults import storage_errors
from gateway.db.schema import version as migrate


@click.group()
@common_options
def db() -> None:
    """The database's schema."""


@db.command()
@with_installation
def upgrade(installation: Installation) -> None:
    """Bring the database to this version's schema; creates an SQLite database that is not there."""
    with storage_errors():
        revision = migrate.upgrade(installation.settings.database_url)
    if installation.as_json:
        print_json({"revision": revision})
    else:
        click.echo(f"The database is at {revision}, which is current.")


@db.command()
@with_installation
def current(installation: Installation) -> None:
    """Show which schema the database has; exits with 4 when it needs an upgrade."""
    database = installation.open_database()
    found, wanted = migrate.current(database), migrate.head()
    database.close()
    if installation.as_json:
        print_json({"revision": found, "wanted": wanted, "is_current": found == wanted})
    else:
        click.echo(found or "no schema")
        note("current" if found == wanted else f"this version needs {wanted}: run `gateway db upgrade`")
    if found != wanted:
        raise click.exceptions.Exit(STORAGE_UNAVAILABLE)
