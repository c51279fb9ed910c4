"""`gateway tenants`: make and list tenants."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import print_json, print_table
from gateway.tenants.directory import create_tenant, list_tenants


@click.group()
@common_options
def tenants() -> None:
    """Tenants: customers whose data never mixes. A fresh installation has `default`."""


@tenants.command()
@click.argument("slug")
@with_invocation
def create(invocation: Invocation, slug: str) -> None:
    """Make the tenant SLUG, for use with --tenant and in URLs."""
    with invocation.database.system_session(write=True) as session:
        tenant = create_tenant(session, slug, now=invocation.now())
    if invocation.as_json:
        print_json({"id": tenant.id, "slug": tenant.slug, "created_at": tenant.created_at})
    else:
        click.echo(f"Made the tenant {tenant.slug}. Next: gateway sources add … --tenant {tenant.slug}")


@tenants.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List tenants."""
    with invocation.database.system_session() as session:
        found = list_tenants(session)
    if invocation.as_json:
        print_json({"data": [{"id": row.id, "slug": row.slug, "created_at": row.created_at} for row in found]})
        return
    rows = [(row.slug, row.id, row.created_at) for row in found]
    print_table(("slug", "id", "created"), rows, now=invocation.now())
