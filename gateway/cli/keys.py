"""`gateway keys`: API keys, with which programs act for a tenant."""

from __future__ import annotations

from datetime import timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Duration, common_options
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.questions import confirm_at_terminal, terminal_yes_option
from gateway.clock import iso
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.tenants.api_keys.management import DEFAULT_SCOPES, KeyDraft, create_key, revoke_key
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.api_keys.search import find_keys

_schema = deferred("gateway.tenants.api_keys.schema")


@click.group()
@common_options
def keys() -> None:
    """API keys: what programs show to act for a tenant."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help=f"What it may do, for example sources:read; else {DEFAULT_SCOPES[0]}: everything in its tenant.",
)
@click.option("--expires", type=Duration(), metavar="AGE", help="For how long it opens, for example 90d; else no end.")
@with_invocation
def create(invocation: Invocation, name: str, scopes: tuple[str, ...], expires: timedelta | None) -> None:
    """Make the API key NAME and print it, this once.

    Scopes are sources:read, sources:write, destinations:read, destinations:write, routes:read, routes:write,
    events:read, events:replay, deliveries:read, deliveries:write, jobs:read, jobs:write, schedules:read,
    schedules:write, rejections:read, app-credentials:read, app-credentials:write, connections:read,
    connections:write, connections:call, connections:token, audit:read; admin for all of them and the tenant's keys;
    operator for everything of every tenant.
    """
    with invocation.changing() as acting:
        made = create_key(acting, KeyDraft(name, scopes or DEFAULT_SCOPES, expires))
    if invocation.as_json:
        print_json(_schema.MadeKeySchema().dump(made))
        return
    click.echo(made.key)
    end = "has no end" if made.summary.expires_at is None else f"ends {iso(made.summary.expires_at)}"
    note(f"The key {name} may do {', '.join(made.summary.scopes)}, and {end}. It is shown this once.")
    base_url = invocation.installation.settings.base_url
    note(f'Next: curl -H "Authorization: Bearer gwk_…" {base_url}/api/v1/me, or see {base_url}/api/docs')
    if Scope.ADMIN in made.summary.scopes and not scopes:
        note("A key for one purpose should have no more than that: --scope says what.")


@keys.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List API keys, the newest first; those that were revoked too."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_keys(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.KeySchema(many=True).dump(found)})
        return
    if not found:
        note("No API keys yet. Make one: gateway keys create NAME")
    rows = [
        (key.name, key.state, list(key.scopes), key.last_used_at, key.expires_at, key.created_at, key.id)
        for key in found
    ]
    columns = ("key", "state", "scopes", "last used", "expires", "created", "id")
    print_table(columns, rows, now=invocation.now())


@keys.command()
@click.argument("key")
@terminal_yes_option
@with_invocation
def revoke(invocation: Invocation, key: str, yes: bool) -> None:
    """Let the API key KEY (name or id) open nothing any more, for good. It holds everywhere within a second."""
    confirm_at_terminal(f"Revoke the key {key}, for good?", yes=yes)
    with invocation.changing() as acting:
        revoked = revoke_key(acting, key)
    if invocation.as_json:
        print_json(_schema.KeySchema().dump(revoked))
    else:
        click.echo(f"The key {revoked.name} is revoked.")
