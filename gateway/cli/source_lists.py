"""`gateway sources list` and `show`."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.hints import EXAMPLE_SOURCE
from gateway.cli.terminal.out_of_order import note_out_of_order, reason
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.clock import iso
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.webhooks.sources.search import find_sources, show_source
from gateway.webhooks.sources.summary import CredentialSummary, SourceSummary

_schema = deferred("gateway.webhooks.sources.schema")


@click.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List sources."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_sources(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.SourceSchema(many=True).dump(found)})
        return
    if not found:
        note(f"No sources yet. Add one: {EXAMPLE_SOURCE}")
    rows = [
        (
            source.slug,
            source.provider,
            source.scheme,
            source.state,
            source.live_secrets,
            source.replays,
            source.url,
        )
        for source in found
    ]
    columns = ("source", "provider", "scheme", "state", "secrets", "replays", "url")
    print_table(columns, rows, now=invocation.now())
    note_out_of_order((source.slug, source.out_of_order) for source in found)


@click.command()
@click.argument("slug")
@with_invocation
def show(invocation: Invocation, slug: str) -> None:
    """Show a source, and what to enter at the vendor."""
    with invocation.reading() as acting:
        source = show_source(acting, slug)
    _print(invocation, source)
    if not invocation.as_json:
        provider = invocation.installation.catalogue.get(source.provider)
        for step in provider.setup if provider else ():
            click.echo(f"  - {step}")


def _handshake(source: SourceSummary) -> str | None:
    """Whether the provider has handed over its secret; None for those that do not."""
    if source.pending_handshake:
        return "pending: create the webhook at the provider, which then hands over its secret"
    if source.confirmed_at is None:
        return None
    who = f" from {source.confirmed_from}, request {source.confirmed_request_id}" if source.confirmed_from else ""
    return f"the secret came at {iso(source.confirmed_at)}{who}"


def _replays(source: SourceSummary) -> str | None:
    """What becomes of replays, and whether somebody wanted it so."""
    if source.replays is None:
        return None
    return f"{source.replays}, by default" if source.refuse_replays is None else f"{source.replays}, as it was set"


def _print(invocation: Invocation, source: SourceSummary) -> None:
    if invocation.as_json:
        print_json(_schema.SourceSchema().dump(source))
        return
    print_fields(
        [
            ("Source", source.slug),
            ("URL", source.url),
            ("Provider", source.provider),
            ("Scheme", source.scheme or "as the request tells"),
            ("State", source.state),
            ("Out of order", reason(source.out_of_order)),
            ("Handshake", _handshake(source)),
            ("Live secrets", source.live_secrets),
            *((f"  {one.kind}", f"since {iso(one.created_at)}, {_end(one)}") for one in source.credentials),
            *((f"Option {name}", value) for name, value in source.options.items()),
            ("Allowed IPs", list(source.allowed_ips)),
            ("Rate", source.rate_per_second),
            ("Replays", _replays(source)),
            ("Duplicates", "delivered again" if source.redeliver_duplicates else None),
            ("Events kept", None if source.retention_days is None else f"{source.retention_days} days"),
            ("Created", source.created_at),
            ("Disabled", source.disabled_at),
            ("Id", source.id),
        ],
        now=invocation.now(),
    )


def _end(credential: CredentialSummary) -> str:
    return "no end" if credential.expires_at is None else f"ends {iso(credential.expires_at)}"
