"""`gateway send`: sign a sample as the provider would, and post it to this gateway."""

from __future__ import annotations

import http.client
import uuid
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
from gateway.clock import MICROSECONDS
from gateway.db.scope import TenantSession
from gateway.errors import InvalidInput, NotFound
from gateway.providers import Provider
from gateway.security.ssrf import parse_url
from gateway.webhooks.samples.documents import default_type
from gateway.webhooks.samples.event import SampleRequest, sample_request, sample_text
from gateway.webhooks.samples.signing import Held, Moment, choose_scheme
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.draft import find_provider
from gateway.webhooks.sources.management import credential_rows, list_sources, require_source, source_url
from gateway.webhooks.sources.models import Source

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
    entry = find_provider(invocation.installation.catalogue, provider)
    chosen = event_type or default_type(entry)
    if only_print:
        click.echo(pretty(sample_text(entry, entry.scheme(), _moment(invocation), chosen)))
        return
    # Whatever the source may hold, some providers cannot be imitated.
    choose_scheme(entry, None, Held())
    with invocation.session() as session:
        row = _source(session, invocation, provider, source)
        request = _request(invocation, session, row, entry, chosen, read_bytes(body) if body else None)
    answer = _post(request, (url or invocation.installation.settings.base_url).rstrip("/"))
    if invocation.as_json:
        data = {"source": row.slug, "url": _address(request), "type": chosen}
        print_json(data | {"status": answer.status, "answer": answer.text})
    else:
        click.echo(f"{chosen} to {_address(request)}")
        click.echo(f"{answer.status} {answer.reason}: {printable_lines(answer.text)}")
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        note("Not accepted. See why: gateway rejections list, then gateway explain ID")
        raise click.exceptions.Exit(FAILED)


def _source(session: TenantSession, invocation: Invocation, provider: str, slug: str | None) -> Source:
    if slug is not None:
        row = require_source(session, slug)
        if row.provider != provider:
            raise InvalidInput(f"the source {slug!r} is for {row.provider}, not {provider}")
        return row
    slugs = [one.slug for one in list_sources(session, now=invocation.now()) if one.provider == provider]
    if not slugs:
        raise NotFound(
            f"there is no source for {provider}; add it with `gateway sources add SLUG --provider {provider}`"
        )
    if len(slugs) > 1:
        raise InvalidInput(f"there are several sources for {provider}: choose with --source {' or '.join(slugs)}")
    return require_source(session, slugs[0])


def _moment(invocation: Invocation) -> Moment:
    return Moment(str(uuid.uuid4()), invocation.installation.clock.now_us() // MICROSECONDS)


def _request(
    invocation: Invocation,
    session: TenantSession,
    row: Source,
    provider: Provider,
    event_type: str,
    body: bytes | None,
) -> SampleRequest:
    opened = open_credentials(invocation.installation.keyring, row, credential_rows(session, row))
    now_us = invocation.installation.clock.now_us()

    def newest(kind: str) -> str:
        return next(iter(opened.live(kind, now_us)), "")

    held = Held(newest("secret"), newest("username"), newest("password"), newest("public_key"))
    return sample_request(
        provider,
        choose_scheme(provider, row.scheme, held),
        held,
        _moment(invocation),
        event_type=event_type,
        # Some providers sign the URL, as the gateway knows it: that is never the address that is posted to.
        url=source_url(invocation.installation.settings.base_url.rstrip("/"), invocation.tenant, row.slug),
        options=row.options,
        body=body,
    )


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
            raise InvalidInput(f"nothing answers at {base_url}: start the gateway with `gateway run`") from error
        except (OSError, http.client.HTTPException) as error:
            raise InvalidInput(f"{base_url} cannot be called: {error or type(error).__name__}") from error
    return Answer(response.status, response.reason, text)
