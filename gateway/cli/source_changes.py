"""`gateway sources add`, `change`, `rotate`, `disable`, `enable` and `remove`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal import secret_options as given
from gateway.cli.terminal.options import Duration, Pair
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.questions import require_yes
from gateway.clock import iso
from gateway.errors import InvalidInput
from gateway.kept import KEPT, Kept
from gateway.webhooks.sources import management as use_cases
from gateway.webhooks.sources.changes import CredentialDraft, SourceChange
from gateway.webhooks.sources.credentials import DEFAULT_OVERLAP
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import SourceWithSecret
from gateway.webhooks.sources.removal import removable_source, remove_source
from gateway.webhooks.sources.schema import SourceSchema, SourceWithSecretSchema
from gateway.webhooks.sources.schemes import SECRET


class _Days(click.ParamType[Kept | int | None]):
    """A number of days, or `default`."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kept | int | None:
        if isinstance(value, int | Kept) or value is None:
            return value
        if value == "default":
            return None
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number of days nor `default`", param, ctx)
        return int(value)


redeliver_option = click.option(
    "--redeliver-duplicates/--ignore-duplicates",
    "redeliver_duplicates",
    default=None,
    help="Whether an event that the vendor sends again is delivered again; else it is only counted.",
)
retention_option = click.option(
    "--retention-days",
    "keep",
    type=_Days(),
    default=KEPT,
    metavar="N",
    help="How long its events are kept; `default`: GATEWAY_RETENTION_DAYS.",
)

_DEFAULTS: Mapping[str, tuple[str, Any]] = {
    "scheme": ("scheme", None),
    "allow-ip": ("allowed_ips", ()),
    "rate": ("rate_per_second", None),
}
_WANTED = {"refuse": True, "accept": False, "default": None}


@click.command()
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
@click.option(
    "--refuse-replays/--accept-replays",
    "refuse_replays",
    default=None,
    help="Whether what was signed is accepted once only; else where nothing honest can be refused.",
)
@redeliver_option
@retention_option
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
    refuse_replays: bool | None,
    redeliver_duplicates: bool | None,
    keep: Kept | int | None,
) -> None:
    """Receive the webhooks of a provider at /webhooks/SLUG.

    SLUG - makes an unguessable address, as every source needs whose requests are not signed, are signed for all
    customers of the vendor alike, or bring the secret themselves.
    """
    chosen = given.one_secret(secret, secret_env, generated=generate_secret)
    draft = SourceDraft(
        slug=slug or "",
        provider=provider,
        scheme=scheme,
        credentials=given.credentials(plain, named, chosen),
        options=dict(options),
        allowed_ips=allowed_ips,
        rate_per_second=rate,
        refuse_replays=refuse_replays,
        redeliver_duplicates=redeliver_duplicates or False,
        retention_days=None if isinstance(keep, Kept) else keep,
        generate_secret=generate_secret,
    )
    with invocation.changing() as acting:
        added = use_cases.add_source(acting, draft)
    source = added.source
    if invocation.as_json:
        print_json(_with_secret(added))
        return
    click.echo(f"Added the source {source.slug}.")
    click.echo(f"URL to give to the vendor: {source.url}")
    if added.secret:
        click.echo(f"Secret: {added.secret}")
        note("The secret is shown this once: enter it at the vendor now.")
        note("If the vendor gives you a secret instead, add the source with --secret-env.")
    if source.pending_handshake:
        note(f"Next: have {provider} call the URL; its handshake brings the secret: gateway sources show {source.slug}")
        return
    note(f"Next: gateway routes add --source {source.slug} --to DESTINATION, or try it: gateway send {provider}")


@click.command()
@click.argument("slug")
@click.option("--scheme", help="Another of the provider's signature schemes.")
@click.option("--option", "options", type=Pair("="), multiple=True, metavar="NAME=VALUE", help="An option.")
@click.option("--allow-ip", "allowed_ips", multiple=True, metavar="CIDR", help="Accept these networks instead.")
@click.option("--rate", type=float, metavar="N", help="At most N requests a second, per web process.")
@click.option("--default", "defaults", type=click.Choice(list(_DEFAULTS)), multiple=True, help="As if it were not set.")
@click.option("--refuse-replays", "replays", flag_value="refuse", help="Accept what was signed once only.")
@click.option("--accept-replays", "replays", flag_value="accept", help="Accept it as often as it comes.")
@click.option("--default-replays", "replays", flag_value="default", help="Refuse where nothing honest can be refused.")
@redeliver_option
@retention_option
@with_invocation
def change(
    invocation: Invocation,
    slug: str,
    scheme: str | None,
    options: tuple[tuple[str, str], ...],
    allowed_ips: tuple[str, ...],
    rate: float | None,
    defaults: tuple[str, ...],
    replays: str | None,
    redeliver_duplicates: bool | None,
    keep: Kept | int | None,
) -> None:
    """Change what is given of a source: how requests are judged, how long its events are kept, whether what comes again
    is delivered again, and whether it refuses replays: requests whose signature it accepted for something else. Secrets
    are changed by `gateway sources rotate`.

    Other options stay as they are; an empty VALUE takes an option away. A vendor's own repeat of a request is answered
    200 either way, and makes no second event. Where a vendor signs two events alike (the same body, with no id and no
    time in it), --refuse-replays takes the second for a repeat.
    """
    wanted: dict[str, Any] = {"scheme": scheme, "options": dict(options), "allowed_ips": allowed_ips}
    given = {name: value for name, value in wanted.items() if value}
    given |= {} if rate is None else {"rate_per_second": rate}
    given |= {} if replays is None else {"refuse_replays": _WANTED[replays]}
    given |= {} if redeliver_duplicates is None else {"redeliver_duplicates": redeliver_duplicates}
    given |= {} if isinstance(keep, Kept) else {"retention_days": keep}
    given |= dict(_DEFAULTS[one] for one in defaults)
    if not given:
        raise InvalidInput(
            "nothing is to be changed: give --scheme, --option, --allow-ip, --rate, --default, --refuse-replays, "
            "--accept-replays, --default-replays, --redeliver-duplicates or --retention-days"
        )
    with invocation.changing() as acting:
        source = use_cases.change_source(acting, slug, SourceChange(**given))
    if invocation.as_json:
        print_json(SourceSchema().dump(source))
        return
    if options:
        click.echo(f"The options of {slug}: {', '.join(f'{k}={v}' for k, v in source.options.items()) or 'none'}")
    if replays is not None:
        click.echo(f"Replays at {slug} are {source.replays}.")
    if redeliver_duplicates is not None:
        click.echo(f"What comes again to {slug} is {'' if redeliver_duplicates else 'not '}delivered again.")
    if not isinstance(keep, Kept):
        days = "for as long as all others" if keep is None else f"for {keep} {'day' if keep == 1 else 'days'}"
        click.echo(f"Events of {slug} are kept {days}.")
    if given.keys() & {"scheme", "allowed_ips", "rate_per_second"}:
        click.echo(f"Changed the source {slug}.")


@click.command()
@click.argument("slug")
@click.option("--secret", help="The new secret. Better is --secret-env.")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the new secret.")
@click.option("--generate-secret", is_flag=True, help="Make one and print it.")
@click.option("--kind", default=SECRET, show_default=True, help="Which credential to change.")
@click.option("--await-handshake", is_flag=True, help="Take the one that the provider hands over next.")
@click.option("--overlap", type=Duration(), default=DEFAULT_OVERLAP, help="How long the old one still counts [24h].")
@with_invocation
def rotate(
    invocation: Invocation,
    slug: str,
    secret: str | None,
    secret_env: str | None,
    generate_secret: bool,
    kind: str,
    await_handshake: bool,
    overlap: timedelta,
) -> None:
    """Give a source a new secret; the old one counts for --overlap more, with 0 not at all.

    With --await-handshake the provider brings it, once, within 24 hours; the old one counts for 24 hours after that.
    """
    if await_handshake:
        _await_handshake(invocation, slug, given_too=secret or secret_env or generate_secret)
        return
    value = given.one_secret(secret, secret_env, generated=generate_secret)
    wanted = CredentialDraft(value or "", kind, generate=generate_secret, overlap=overlap)
    with invocation.changing() as acting:
        rotated = use_cases.rotate_credential(acting, slug, wanted)
    source = rotated.source
    if invocation.as_json:
        print_json(_with_secret(rotated))
        return
    click.echo(f"The new {kind} of {slug} counts at once.")
    if rotated.secret:
        click.echo(f"Secret: {rotated.secret}")
    ends = [one.expires_at for one in source.credentials if one.kind == kind and one.expires_at is not None]
    note(f"The old one ends {iso(max(ends))}." if ends else "The old one is forgotten.")


def _await_handshake(invocation: Invocation, slug: str, *, given_too: object) -> None:
    if given_too:
        raise click.UsageError("--await-handshake and a secret exclude each other")
    with invocation.changing() as acting:
        source = use_cases.await_credential(acting, slug)
    if invocation.as_json:
        print_json(SourceSchema().dump(source))
    else:
        click.echo(f"{slug} takes the next secret that {source.provider} hands over.")


@click.command()
@click.argument("slug")
@with_invocation
def disable(invocation: Invocation, slug: str) -> None:
    """Refuse a source's requests with 410 until it is enabled again."""
    with invocation.changing() as acting:
        source = use_cases.disable_source(acting, slug)
    if invocation.as_json:
        print_json(SourceSchema().dump(source))
    else:
        click.echo(f"{slug} is disabled: its requests are answered 410. Undo: gateway sources enable {slug}")


@click.command()
@click.argument("slug")
@with_invocation
def enable(invocation: Invocation, slug: str) -> None:
    """Receive again."""
    with invocation.changing() as acting:
        source = use_cases.enable_source(acting, slug)
    if invocation.as_json:
        print_json(SourceSchema().dump(source))
    else:
        click.echo(f"{slug} receives again.")


@click.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@with_invocation
def remove(invocation: Invocation, slug: str, yes: bool) -> None:
    """Forget a source with its credentials, for good; its requests are answered 404 from then on.

    Asks first. What it received stays in the journal. Refused while routes take its events.
    """
    with invocation.reading() as acting:
        source = removable_source(acting, slug)
    require_yes(f"Forget the source {source.slug} with its credentials, for good?", yes=yes)
    with invocation.changing() as acting:
        remove_source(acting, source.id)
    if invocation.as_json:
        print_json({"removed": source.slug})
        return
    click.echo(f"Removed the source {source.slug}.")
    note(f"What it received is still there: gateway events list --source {source.slug}")


def _with_secret(made: SourceWithSecret) -> dict[str, object]:
    shown: dict[str, object] = SourceWithSecretSchema().dump(made)
    return {name: value for name, value in shown.items() if name != "secret" or value}
