"""`gateway send`: sign a sample as the provider would, and post it to this gateway."""

from __future__ import annotations

import http.client
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.bodies import pretty
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_json, printable_lines
from gateway.cli.terminal.request_files import read_bytes
from gateway.errors import Hint, InvalidInput
from gateway.security.ssrf import parse_url
from gateway.webhooks.samples.event import SampleRequest
from gateway.webhooks.samples.sending import prepare_sample, require_signable, sample_body

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said."""

    status: int
    reason: str
    text: str


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
    with invocation.reading() as acting:
        sample = prepare_sample(acting, provider, event_type, source=source, body=read_bytes(body) if body else None)
    request = sample.request
    answer = _post(request, (url or installation.settings.base_url).rstrip("/"))
    if invocation.as_json:
        data = {"source": sample.source, "url": _address(request), "type": sample.event_type}
        print_json(data | {"status": answer.status, "answer": answer.text})
    else:
        click.echo(f"{sample.event_type} to {_address(request)}")
        click.echo(f"{answer.status} {answer.reason}: {printable_lines(answer.text)}")
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        note("Not accepted. See why: gateway rejections list, then gateway explain ID")
        raise click.exceptions.Exit(FAILED)


def _address(request: SampleRequest) -> str:
    """The URL without its query, in which some providers carry their proof."""
    return request.url.partition("?")[0]


def _post(request: SampleRequest, base_url: str) -> Answer:
    parts = urlsplit(request.url)
    target = parse_url(base_url)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    with closing(kind(target.host, target.port, timeout=TIMEOUT_SECONDS)) as connection:
        try:
            connection.request(request.method, path, body=request.body, headers=dict(request.headers))
            response = connection.getresponse()
            text = response.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
        except ConnectionRefusedError as error:
            raise InvalidInput(f"nothing answers at {base_url}", Hint("start_gateway")) from error
        except (OSError, http.client.HTTPException) as error:
            raise InvalidInput(f"{base_url} cannot be called: {error or type(error).__name__}") from error
    return Answer(response.status, response.reason, text)
