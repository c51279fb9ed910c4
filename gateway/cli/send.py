"""`gateway send`: sign a sample as the provider would, and post it to this gateway."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.bodies import pretty
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_json, printable_lines
from gateway.cli.terminal.request_files import read_bytes
from gateway.webhooks.samples.event import SampleRequest
from gateway.webhooks.samples.sending import post_sample, prepare_sample, require_signable, sample_body


@click.command()
@click.argument("provider")
@click.argument("event_type", metavar="[TYPE]", required=False)
@click.option("--source", help="Which source to call; else the only one of this provider.")
@click.option("--body", type=click.Path(path_type=Path), metavar="FILE", help="Send these bytes instead of a sample.")
@click.option("--url", metavar="URL", help="Where to post it; else GATEWAY_BASE_URL.")
@click.option("--print", "only_print", is_flag=True, help="Print the sample's body instead of sending it.")
@with_invocation
def send(
    invocation: Invocation,
    provider: str,
    event_type: str | None,
    source: str | None,
    body: Path | None,
    url: str | None,
    only_print: bool,
) -> None:
    """Send an event of TYPE as PROVIDER would, signed with what the source holds.

    Exits with 1 when the gateway does not accept it. Without TYPE, the provider's first sample is sent.
    """
    installation = invocation.installation
    if only_print:
        click.echo(pretty(sample_body(installation, provider, event_type)))
        return
    # Before the database is asked: some providers cannot be imitated, whatever a source may hold.
    require_signable(installation, provider)
    with invocation.changing() as acting:
        sample = prepare_sample(acting, provider, event_type, source=source, body=read_bytes(body) if body else None)
    request = sample.request
    reply = post_sample(request, (url or installation.settings.base_url).rstrip("/"))
    if invocation.as_json:
        data = {"source": sample.source, "url": _address(request), "type": sample.event_type}
        print_json(data | {"status": reply.status, "answer": reply.text})
    else:
        click.echo(f"{sample.event_type} to {_address(request)}")
        click.echo(f"{reply.status} {reply.phrase}: {printable_lines(reply.text)}")
    if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        note("Not accepted. See why: gateway rejections list, then gateway explain ID")
        raise click.exceptions.Exit(FAILED)


def _address(request: SampleRequest) -> str:
    """The URL without its query, in which some providers carry their proof."""
    return request.url.partition("?")[0]
