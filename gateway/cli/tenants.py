"""`gateway tenants`: make and list tenants."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import print_json, print_table
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.tenants.management import create_tenant, find_tenants

_schema = deferred("gateway.tenants.schema")


@click.group()
@common_options
def tenants() -> None:
    """Tenants: customers whose data never mixes. A fresh installation has `default`."""


@tenants.command()
@click.argument("slug")
@with_invocation
def create(invocation: Invocation, slug: str) -> None:
    """Make the tenant SLUG, for use with --tenant and in URLs."""
    with invocation.for_system(write=True) as acting:
        tenant = create_tenant(acting, slug)
    if invocation.as_json:
        print_json(_schema.TenantSchema().dump(tenant))
    else:
        click.echo(f"Made the tenant {tenant.slug}. Next: gateway sources add … --tenant {tenant.slug}")


@tenants.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List tenants."""
    with invocation.for_system() as acting:
        found = list(every(lambda page: find_tenants(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.TenantSchema(many=True).dump(found)})
        return
    rows = [(row.slug, row.id, row.created_at) for row in found]
    print_table(("slug", "id", "created"), rows, now=invocation.now())
