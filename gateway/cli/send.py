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

from gateway.cli.failures import FAILED
from gateway.cli.installation import Installation, with_installation
from gateway.cli.output import note, print_json, printable_lines
from gateway.clock import MICROSECONDS
from gateway.db.scope import TenantSession
from gateway.errors import InvalidInput, NotFound
from gateway.security.ssrf import parse_url
from gateway.webhooks.credentials import open_credentials
from gateway.webhooks.models import Source
from gateway.webhooks.samples.library import content_type, sample_bodies, sample_body
from gateway.webhooks.samples.signing import UNSIGNABLE, Message, sign
from gateway.webhooks.source_draft import SECRET, find_provider
from gateway.webhooks.sources import credential_rows, list_sources, require_source, source_url

TIMEOUT_SECONDS = 30.0
MAX_BODY_BYTES = 64 * 1024 * 1024
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
@click.option("--url", metavar="URL", help="Where the gateway is; else GATEWAY_BASE_URL.")
@with_installation
def send(
    installation: Installation,
    provider: str,
    event_type: str | None,
    source: str | None,
    body: Path | None,
    url: str | None,
) -> None:
    """Send an event of TYPE as PROVIDER would, signed with the source's own secret.

    Exits with 1 when the gateway does not accept it. Without TYPE, the provider's first sample is sent.
    """
    find_provider(installation.catalogue, provider)
    if provider in UNSIGNABLE:
        raise InvalidInput(UNSIGNABLE[provider])
    chosen = event_type or next(iter(sample_bodies(provider)), None)
    if chosen is None:
        raise InvalidInput(f"{provider} has no samples: give a TYPE, and a body with --body FILE")
    with installation.session() as session:
        row = _source(session, installation, provider, source)
        message = _message(installation, session, row, chosen, body, url or installation.settings.base_url)
    headers = dict([("Content-Type", content_type(provider)), *sign(provider, message)])
    answer = _post(message, headers)
    if installation.as_json:
        data = {"source": row.slug, "url": message.url, "type": chosen}
        print_json(data | {"status": answer.status, "answer": answer.text})
    else:
        click.echo(f"{chosen} to {message.url}")
        click.echo(f"{answer.status} {answer.reason}: {printable_lines(answer.text)}")
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        note("Not accepted. See why: gateway rejections list")
        raise click.exceptions.Exit(FAILED)


def _source(session: TenantSession, installation: Installation, provider: str, slug: str | None) -> Source:
    if slug is not None:
        row = require_source(session, slug)
        if row.provider != provider:
            raise InvalidInput(f"the source {slug!r} is for {row.provider}, not {provider}")
        return row
    slugs = [one.slug for one in list_sources(session, now=installation.now()) if one.provider == provider]
    if not slugs:
        raise NotFound(
            f"there is no source for {provider}; add it with `gateway sources add SLUG --provider {provider}`"
        )
    if len(slugs) > 1:
        raise InvalidInput(f"there are several sources for {provider}: choose with --source {' or '.join(slugs)}")
    return require_source(session, slugs[0])


def _message(
    installation: Installation, session: TenantSession, row: Source, event_type: str, file: Path | None, base_url: str
) -> Message:
    now_us = installation.clock.now_us()
    unique_id, now_seconds = str(uuid.uuid4()), now_us // MICROSECONDS
    body = (
        _read(file)
        if file is not None
        else sample_body(row.provider, event_type, unique_id=unique_id, now_seconds=now_seconds)
    )
    opened = open_credentials(installation.keyring, row, credential_rows(session, row))
    return Message(
        type=event_type,
        unique_id=unique_id,
        url=source_url(base_url.rstrip("/"), installation.tenant, row.slug),
        body=body,
        now_seconds=now_seconds,
        scheme=row.scheme,
        secret=next(iter(opened.live(SECRET, now_us)), ""),
        options=row.options,
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BODY_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_BODY_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _post(message: Message, headers: dict[str, str]) -> Answer:
    target = parse_url(message.url)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    with closing(kind(target.host, target.port, timeout=TIMEOUT_SECONDS)) as connection:
        try:
            connection.request("POST", urlsplit(message.url).path, body=message.body, headers=headers)
            response = connection.getresponse()
            text = response.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
        except ConnectionRefusedError as error:
            raise InvalidInput(f"nothing answers at {message.url}: start the gateway with `gateway run`") from error
        except (OSError, http.client.HTTPException) as error:
            raise InvalidInput(f"{message.url} cannot be called: {error or type(error).__name__}") from error
    return Answer(response.status, response.reason, text)
