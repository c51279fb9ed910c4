"""`gateway tenants`: make, list and change tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.tenant_erasing import erase
from gateway.cli.tenant_export import export
from gateway.cli.terminal.options import Pair, common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.tenants.directory import TenantSummary
from gateway.tenants.draft import TenantChange, parse_limit
from gateway.tenants.management import change_tenant, create_tenant, find_tenants, resume_tenant, suspend_tenant

_schema = deferred("gateway.tenants.schema")
_detail_schema = deferred("gateway.tenant_data.schema")
_tenant_data = deferred("gateway.tenant_data.usage")


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
    _say(invocation, tenant, f"Made the tenant {tenant.slug}. Next: gateway sources add … --tenant {tenant.slug}")


@tenants.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List tenants."""
    with invocation.for_system() as acting:
        found = list(every(lambda page: find_tenants(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.TenantSchema(many=True).dump(found)})
        return
    rows = [(row.slug, row.id, row.created_at, row.state.value) for row in found]
    print_table(("slug", "id", "created", "state"), rows, now=invocation.now())


@tenants.command()
@click.argument("slug")
@with_invocation
def show(invocation: Invocation, slug: str) -> None:
    """Show a tenant: its state, its limits, and what it uses of them.

    Events and bytes are counted by a worker, which is about half a minute behind.
    """
    with invocation.for_system() as acting:
        tenant = _tenant_data.show_tenant(acting, slug)
    if invocation.as_json:
        print_json(_detail_schema.TenantWithUsageSchema().dump(tenant))
        return
    limits, usage = tenant.limits, tenant.usage
    print_fields(
        [
            ("Tenant", tenant.slug),
            ("Id", tenant.id),
            ("State", tenant.state.value),
            ("Suspended", tenant.suspended_at),
            ("Created", tenant.created_at),
            ("Sources", _of(usage.sources, limits.sources)),
            ("Destinations", _of(usage.destinations, limits.destinations)),
            ("Events stored", usage.events),
            ("Bytes stored", _of(usage.stored_bytes, limits.stored_bytes) + (": full" if usage.is_full else "")),
            ("Last event", usage.last_event_at),
            ("Events per second", limits.events_per_second and f"at most {limits.events_per_second:g}"),
            (
                "API requests per second",
                limits.api_requests_per_second and f"at most {limits.api_requests_per_second:g}",
            ),
            ("Return origins", tenant.return_origins),
        ],
        now=invocation.now(),
    )


@tenants.command("set")
@click.argument("slug")
@click.option(
    "--limit",
    "limits",
    type=Pair("="),
    multiple=True,
    metavar="NAME=VALUE",
    help=(
        "events_per_second, sources, destinations, app_credentials, stored_bytes or api_requests_per_second; `none` "
        "for no limit."
    ),
)
@click.option(
    "--return-origin",
    "return_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Where a browser may be sent back to, such as https://app.example.com. All that are given replace all.",
)
@click.option("--no-return-origins", is_flag=True, help="Take all of them away.")
@with_invocation
def set_(
    invocation: Invocation,
    slug: str,
    limits: Sequence[tuple[str, str]],
    return_origins: Sequence[str],
    no_return_origins: bool,
) -> None:
    """Change the limits of a tenant, and where its browsers may be sent back to. What is not named stays.

    Rates hold for each web process. What a tenant has already stays when a limit becomes less than that.
    """
    if return_origins and no_return_origins:
        raise InvalidInput("choose --return-origin or --no-return-origins")
    if not limits and not return_origins and not no_return_origins:
        raise InvalidInput("nothing to change: give --limit or --return-origin")
    change = TenantChange(
        limits={name: parse_limit(name, value) for name, value in limits},
        return_origins=return_origins if return_origins or no_return_origins else None,
    )
    with invocation.for_system(write=True) as acting:
        tenant = change_tenant(acting, slug, change)
    bounds = ", ".join(f"{name}={value}" for name, value in asdict(tenant.limits).items() if value is not None)
    _say(invocation, tenant, f"The tenant {tenant.slug} is changed. Its limits: {bounds or 'none'}.")
    if tenant.return_origins and not invocation.as_json:
        note(f"Browsers may be sent back to {', '.join(tenant.return_origins)}.")


@tenants.command()
@click.argument("slug")
@with_invocation
def suspend(invocation: Invocation, slug: str) -> None:
    """Answer a tenant's webhooks 503, so that vendors send them again later, and let its deliveries wait."""
    with invocation.for_system(write=True) as acting:
        tenant = suspend_tenant(acting, slug)
    _say(invocation, tenant, f"The tenant {tenant.slug} is suspended. Back: gateway tenants resume {tenant.slug}")


@tenants.command()
@click.argument("slug")
@with_invocation
def resume(invocation: Invocation, slug: str) -> None:
    """Receive and deliver again for a tenant that was suspended."""
    with invocation.for_system(write=True) as acting:
        tenant = resume_tenant(acting, slug)
    _say(invocation, tenant, f"The tenant {tenant.slug} is {tenant.state.value}.")


tenants.add_command(export)
tenants.add_command(erase)


def _of(count: int, most: int | None) -> str:
    return f"{count}" if most is None else f"{count} of {most}"


def _say(invocation: Invocation, tenant: TenantSummary, words: str) -> None:
    if invocation.as_json:
        print_json(_schema.TenantSchema().dump(tenant))
    else:
        click.echo(words)
