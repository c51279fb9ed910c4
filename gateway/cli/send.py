"""`gateway send`: sign a sample as the provider would, and post it to this gateway."""

from __future__ import annotations

import sys
from http import HTTPStatus
from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_json, printable_lines
from gateway.cli.terminal.request_files import read_bytes
from gateway.webhooks.samples.documents import is_made_up, sample_bodies
from gateway.webhooks.samples.sending import (
    named,
    post_sample,
    posted_to,
    prepare_sample,
    require_signable,
    sample_body,
)


@click.command()
@click.argument("name", metavar="PROVIDER|SOURCE")
@click.argument("event_type", metavar="[TYPE]", required=False)
@click.option("--source", help="Which source to call; else the only one of this provider.")
@click.option("--body", type=click.Path(path_type=Path), metavar="FILE", help="Send these bytes instead of a sample.")
@click.option("--url", metavar="URL", help="Where to post it; else GATEWAY_BASE_URL.")
@click.option("--print", "only_print", is_flag=True, help="Print the sample's body instead of sending it.")
@with_invocation
def send(
    invocation: Invocation,
    name: str,
    event_type: str | None,
    source: str | None,
    body: Path | None,
    url: str | None,
    only_print: bool,
) -> None:
    """Send an event of TYPE as the provider would, signed with what the source holds.

    The source is named by its slug, or by its provider where that has one only. Exits with 1 when the gateway does not
    accept the event. Without TYPE, the provider's first sample is sent; with one that has no sample, a body is made up.
    """
    installation = invocation.installation
    if only_print:
        # Into a file go the exact bytes, which a signature may be made of.
        click.echo(sample_body(installation, _provider(invocation, name), event_type), nl=sys.stdout.isatty())
        return
    # Before the database is asked: some providers cannot be imitated, whatever a source may hold.
    if name in installation.catalogue:
        require_signable(installation, name)
    with invocation.changing() as acting:
        provider, meant = named(acting, name)
        source = source or meant
        sample = prepare_sample(acting, provider, event_type, source=source, body=read_bytes(body) if body else None)
    base_url = (url or installation.settings.base_url).rstrip("/")
    address = posted_to(sample.request, base_url)
    reply = post_sample(sample.request, base_url)
    if invocation.as_json:
        data = {"source": sample.source, "url": address, "type": sample.event_type}
        print_json(data | {"status": reply.status, "answer": reply.text})
    else:
        click.echo(f"{sample.event_type} to {address}")
        click.echo(f"{reply.status} {reply.phrase}: {printable_lines(reply.text)}")
        if body is None and is_made_up(provider, sample.event_type):
            known = ", ".join(sample_bodies(provider))
            note(f"{provider} has no sample of this type (there is: {known}); what was sent is made up:")
            note(printable_lines(sample.request.body.decode("utf-8", "replace")))
    if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        note("Not accepted. See why: gateway rejections list, then gateway explain ID")
        raise click.exceptions.Exit(FAILED)


def _provider(invocation: Invocation, name: str) -> str:
    """What a sample needs no database for, works without one."""
    if name in invocation.installation.catalogue:
        return name
    with invocation.reading() as acting:
        return named(acting, name)[0]
