"""`gateway sources`: inbound endpoints, their secrets and their URLs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal import secret_options as given
from gateway.cli.terminal.options import Duration, Pair, common_options
from gateway.cli.terminal.output import as_data, iso, note, print_fields, print_json, print_table
from gateway.errors import InvalidInput
from gateway.security.tokens import random_slug
from gateway.webhooks.sources import management as use_cases
from gateway.webhooks.sources.draft import (
    SECRET,
    SourceDraft,
    credential_kinds,
    find_provider,
    is_unsigned,
    possible_schemes,
)
from gateway.webhooks.sources.management import DEFAULT_OVERLAP, SourceSummary, source_url

EXAMPLE = "gateway sources add github --provider github --secret-env GITHUB_WEBHOOK_SECRET"
MADE_UP = "-"


@click.group()
@common_options
def sources() -> None:
    """Inbound endpoints, one per provider account."""


@sources.command()
@click.argument("slug", required=False)
@click.option("--provider", required=True, help="Who calls: an id of the catalogue, or `generic`.")
@click.option("--scheme", help="Which of the provider's signature schemes, where there is a choice.")
@click.option("--secret", help="The signing secret. It lands in your shell's history: better is --secret-env.")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the secret.")
@click.option("--generate-secret", is_flag=True, help="Make one and print it, where the vendor lets you choose it.")
@click.option(
    "--credential", "plain", type=Pair("="), multiple=True, metavar="KIND=VALUE", help="A public key, a password, …"
)
@click.option(
    "--credential-env", "named", type=Pair("="), multiple=True, metavar="KIND=VAR", help="The same, from a variable."
)
@click.option("--option", "options", type=Pair("="), multiple=True, metavar="NAME=VALUE", help="The scheme's options.")
@click.option("--allow-ip", "allowed_ips", multiple=True, metavar="CIDR", help="Accept only these networks.")
@click.option("--rate", type=float, metavar="N", help="At most N requests a second, per web process.")
@with_invocation
def add(
    invocation: Invocation,
    slug: str | None,
    provider: str,
    scheme: str | None,
    secret: str | None,
    secret_env: str | None,
    generate_secret: bool,
    plain: tuple[tuple[str, str], ...],
    named: tuple[tuple[str, str], ...],
    options: tuple[tuple[str, str], ...],
    allowed_ips: tuple[str, ...],
    rate: float | None,
) -> None:
    """Receive the webhooks of a provider at /webhooks/SLUG.

    SLUG - makes an unguessable address, as every source needs whose requests are not signed.
    """
    schemes = possible_schemes(find_provider(invocation.installation.catalogue, provider), scheme)
    made = given.make_secret(schemes) if generate_secret else None
    chosen = given.one_secret(secret, secret_env, generated=generate_secret)
    draft = SourceDraft(
        slug=_slug(slug, unsigned=is_unsigned(schemes)),
        provider=provider,
        scheme=scheme,
        credentials=given.credentials(plain, named, made or chosen),
        options=dict(options),
        allowed_ips=allowed_ips,
        rate_per_second=rate,
    )
    with invocation.session(write=True) as session:
        source = use_cases.add_source(
            session, invocation.installation.keyring, invocation.installation.catalogue, draft, now=invocation.now()
        )
    if invocation.as_json:
        print_json(_data(invocation, source) | ({"secret": made} if made else {}))
        return
    click.echo(f"Added the source {source.slug}.")
    _show_url(invocation, source)
    if made:
        click.echo(f"Secret: {made}")
        note("The secret is shown this once: enter it at the vendor now. One that gives secrets wants --secret-env.")
    if source.pending_handshake:
        note(f"Next: have {provider} call the URL; its handshake brings the secret: gateway sources show {source.slug}")
        return
    note(f"Next: gateway routes add --source {source.slug} --to DESTINATION, or try it: gateway send {provider}")


@sources.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List sources."""
    now = invocation.now()
    with invocation.session() as session:
        found = use_cases.list_sources(session, now=now)
    if invocation.as_json:
        print_json({"data": [_data(invocation, source) for source in found]})
        return
    if not found:
        note(f"No sources yet. Add one: {EXAMPLE}")
    rows = [
        (source.slug, source.provider, source.scheme, _state(source), source.live_secrets(), _url(invocation, source))
        for source in found
    ]
    print_table(("source", "provider", "scheme", "state", "secrets", "url"), rows, now=now)


@sources.command()
@click.argument("slug")
@with_invocation
def show(invocation: Invocation, slug: str) -> None:
    """Show a source, and what to enter at the vendor."""
    with invocation.session() as session:
        source = use_cases.show_source(session, slug, now=invocation.now())
    _print(invocation, source)
    if not invocation.as_json:
        provider = invocation.installation.catalogue.get(source.provider)
        for step in provider.setup if provider else ():
            click.echo(f"  - {step}")


@sources.command()
@click.argument("slug")
@click.option("--secret", help="The new secret. Better is --secret-env.")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the new secret.")
@click.option("--generate-secret", is_flag=True, help="Make one and print it.")
@click.option("--kind", default=SECRET, show_default=True, help="Which credential to change.")
@click.option("--overlap", type=Duration(), default=DEFAULT_OVERLAP, help="How long the old one still counts [24h].")
@with_invocation
def rotate(
    invocation: Invocation,
    slug: str,
    secret: str | None,
    secret_env: str | None,
    generate_secret: bool,
    kind: str,
    overlap: timedelta,
) -> None:
    """Give a source a new secret; the old one counts for --overlap more, with 0 not at all."""
    with invocation.session(write=True) as session:
        row = use_cases.require_source(session, slug)
        schemes = possible_schemes(find_provider(invocation.installation.catalogue, row.provider), row.scheme)
        value = given.one_secret(secret, secret_env, generated=generate_secret)
        made = given.make_secret(schemes) if generate_secret else None
        if not (made or value):
            kinds = ", ".join(sorted(credential_kinds(schemes))) or "no credentials at all"
            raise InvalidInput(f"give --secret-env, --secret or --generate-secret (this source takes {kinds})")
        source = use_cases.rotate_credential(
            session,
            invocation.installation.keyring,
            invocation.installation.catalogue,
            slug,
            made or value or "",
            kind=kind,
            overlap=overlap,
            now=invocation.now(),
        )
    if invocation.as_json:
        print_json(_data(invocation, source) | ({"secret": made} if made else {}))
        return
    click.echo(f"The new {kind} of {slug} counts at once.")
    if made:
        click.echo(f"Secret: {made}")
    ends = [one.expires_at for one in source.credentials if one.kind == kind and one.expires_at is not None]
    note(f"The old one ends {iso(max(ends))}." if ends else "The old one is forgotten.")


@sources.command()
@click.argument("slug")
@with_invocation
def disable(invocation: Invocation, slug: str) -> None:
    """Refuse a source's requests with 410 until it is enabled again."""
    with invocation.session(write=True) as session:
        source = use_cases.disable_source(session, slug, now=invocation.now())
    if invocation.as_json:
        print_json(_data(invocation, source))
    else:
        click.echo(f"{slug} is disabled: its requests are answered 410. Undo: gateway sources enable {slug}")


@sources.command()
@click.argument("slug")
@with_invocation
def enable(invocation: Invocation, slug: str) -> None:
    """Receive again."""
    with invocation.session(write=True) as session:
        source = use_cases.enable_source(session, slug, now=invocation.now())
    if invocation.as_json:
        print_json(_data(invocation, source))
    else:
        click.echo(f"{slug} receives again.")


def _slug(slug: str | None, *, unsigned: bool) -> str:
    if slug == MADE_UP or (slug is None and unsigned):
        return random_slug()
    if slug is None:
        raise InvalidInput(f"give the source a SLUG, which stands in its URL, for example: {EXAMPLE}")
    return slug


def _url(invocation: Invocation, source: SourceSummary) -> str:
    return source_url(invocation.installation.settings.base_url, invocation.tenant, source.slug)


def _show_url(invocation: Invocation, source: SourceSummary) -> None:
    click.echo(f"URL to give to the vendor: {_url(invocation, source)}")


def _state(source: SourceSummary) -> str:
    if source.disabled_at is not None:
        return "disabled"
    return "awaits its secret" if source.pending_handshake else "enabled"


def _handshake(source: SourceSummary) -> str | None:
    """Whether the provider has handed over its secret; None for those that do not."""
    if source.pending_handshake:
        return "pending: create the webhook at the provider, which then hands over its secret"
    return None if source.confirmed_at is None else f"confirmed {iso(source.confirmed_at)}, secret stored"


def _data(invocation: Invocation, source: SourceSummary) -> dict[str, Any]:
    data: dict[str, Any] = as_data(source)
    return data | {"url": _url(invocation, source), "state": _state(source)}


def _print(invocation: Invocation, source: SourceSummary) -> None:
    if invocation.as_json:
        print_json(_data(invocation, source))
        return
    print_fields(
        [
            ("Source", source.slug),
            ("URL", _url(invocation, source)),
            ("Provider", source.provider),
            ("Scheme", source.scheme or "as the request tells"),
            ("State", _state(source)),
            ("Handshake", _handshake(source)),
            ("Live secrets", source.live_secrets()),
            *((f"  {one.kind}", f"since {iso(one.created_at)}, {_end(one)}") for one in source.credentials),
            *((f"Option {name}", value) for name, value in source.options.items()),
            ("Allowed IPs", list(source.allowed_ips)),
            ("Rate", source.rate_per_second),
            ("Created", source.created_at),
            ("Disabled", source.disabled_at),
            ("Id", source.id),
        ],
        now=invocation.now(),
    )


def _end(credential: use_cases.CredentialSummary) -> str:
    return "no end" if credential.expires_at is None else f"ends {iso(credential.expires_at)}"
