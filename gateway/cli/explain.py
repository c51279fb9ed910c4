"""`gateway explain`: why a signature fails. The diagnosis itself is pure and lives in `gateway.webhooks.explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import Moment, Pair, as_moment
from gateway.cli.terminal.output import print_json, printable
from gateway.cli.terminal.request_files import read_bytes, read_headers
from gateway.cli.terminal.secret_options import from_variable
from gateway.clock import to_us
from gateway.errors import InvalidInput
from gateway.webhooks.explain import Case, Certainty, Diagnosis, Finding, Line
from gateway.webhooks.explain import explain as diagnose
from gateway.webhooks.explain.stored import rejected_case, source_case
from gateway.webhooks.receive.material import MaterialStore
from gateway.webhooks.sources.draft import find_provider, possible_schemes
from gateway.webhooks.verification import Credentials, InboundRequest

UNEXPLAINED = 5
"""Exit code for a request that is refused while no cause could be proven."""

ANYWHERE = "https://gateway.invalid/"

_TITLES = {
    Certainty.PROVEN: "Cause (proven)",
    Certainty.LIKELY: "Likely cause",
    Certainty.POSSIBLE: "Possible cause",
}


@click.command()
@click.argument("rejection", required=False)
@click.option("--provider", help="Judge a request that you give, as this provider's.")
@click.option("--source", help="Judge a request that you give, with what this source holds.")
@click.option("--scheme", help="Which of the provider's schemes, where there is a choice.")
@click.option("--secret", "secrets", multiple=True, help="What to verify with. Better is --secret-env.")
@click.option("--secret-env", "variables", multiple=True, metavar="VAR", help="The variable that holds the secret.")
@click.option("--credential", "plain", type=Pair("="), multiple=True, metavar="KIND=VALUE", help="Another credential.")
@click.option("--option", "options", type=Pair("="), multiple=True, metavar="NAME=VALUE", help="The scheme's options.")
@click.option(
    "--headers", type=click.Path(path_type=Path), metavar="FILE", help="The headers: `Name: value` lines, or JSON."
)
@click.option("--body", type=click.Path(path_type=Path), metavar="FILE", help="The exact bytes of the body.")
@click.option("--url", help="The URL as the provider knows it; also tries another one for a rejection.")
@click.option("--method", default="POST", show_default=True)
@click.option("--at", type=Moment(), metavar="TIME", help="When it came: 2026-05-01T12:00, or 10m ago as 10m. [now]")
@with_invocation
def explain(
    invocation: Invocation,
    rejection: str | None,
    provider: str | None,
    source: str | None,
    scheme: str | None,
    secrets: tuple[str, ...],
    variables: tuple[str, ...],
    plain: tuple[tuple[str, str], ...],
    options: tuple[tuple[str, str], ...],
    headers: Path | None,
    body: Path | None,
    url: str | None,
    method: str,
    at: datetime | timedelta | None,
) -> None:
    """Say why a request was refused: the REJECTION with this id, or a request that you give.

    \b
    gateway explain rej_…
    gateway explain --provider stripe --secret-env STRIPE_SECRET --headers h.txt --body b.json
    gateway explain --source stripe --headers h.txt --body b.json --at 10m

    Exit codes: 0 it verifies, 1 it is refused and the cause is proven, 5 it is refused and the cause is a guess. No
    secret and no signature is ever printed.
    """
    if (rejection is not None) + (provider is not None) + (source is not None) != 1:
        raise InvalidInput("give one of: the id of a REJECTION, --provider, or --source")
    if rejection is not None:
        if headers or body or secrets or variables or plain or options or scheme or at:
            raise InvalidInput("a rejection brings its request and its source: beside it only --url counts")
        case = _rejected(invocation, rejection, url)
    else:
        request = InboundRequest(
            method.upper(), url or ANYWHERE, read_headers(headers) if headers else [], read_bytes(body) if body else b""
        )
        moment = as_moment(at, invocation.now()) or invocation.now()
        if source is not None:
            case = _for_source(invocation, source, request, moment)
        else:
            held = _credentials(secrets, variables, plain, options)
            case = _given(invocation, provider or "", scheme, request, held, moment)
        case = replace(case, is_dated=at is not None)
    diagnosis = case if isinstance(case, Diagnosis) else diagnose(_with_material(invocation, case))
    _print(invocation, diagnosis)
    if not diagnosis.accepted:
        raise click.exceptions.Exit(FAILED if diagnosis.is_proven else UNEXPLAINED)


def _rejected(invocation: Invocation, rejection: str, url: str | None) -> Case | Diagnosis:
    with invocation.session() as session:
        return rejected_case(
            session,
            invocation.installation.keyring,
            invocation.installation.catalogue,
            rejection,
            now=invocation.now(),
            url=url,
        )


def _for_source(invocation: Invocation, slug: str, request: InboundRequest, at: datetime) -> Case:
    with invocation.session() as session:
        return source_case(
            session,
            invocation.installation.keyring,
            invocation.installation.catalogue,
            slug,
            request,
            now=invocation.now(),
            at=at,
        )


def _given(
    invocation: Invocation,
    provider_id: str,
    scheme: str | None,
    request: InboundRequest,
    credentials: Credentials,
    at: datetime,
) -> Case:
    provider = find_provider(invocation.installation.catalogue, provider_id)
    chosen = possible_schemes(provider, scheme)
    return Case(
        provider=provider,
        request=request,
        credentials=credentials,
        now=to_us(at) / 1_000_000,
        scheme=chosen[0].id if provider.webhook.choose == "operator" else scheme,
        catalogue=invocation.installation.catalogue,
    )


def _credentials(
    secrets: Sequence[str],
    variables: Sequence[str],
    plain: Sequence[tuple[str, str]],
    options: Sequence[tuple[str, str]],
) -> Credentials:
    """What was given, as it was given: a newline too many is what is looked for."""
    kinds = dict(plain)
    unknown = kinds.keys() - {"secret", "public_key", "username", "password", "root_certs"}
    if unknown:
        raise InvalidInput(f"there is no kind of credential {sorted(unknown)[0]!r}")
    found = [*secrets, *(from_variable(name) for name in variables), *([kinds["secret"]] if "secret" in kinds else [])]
    return Credentials(
        secrets=found,
        public_key=kinds.get("public_key", ""),
        root_certs=[kinds["root_certs"]] if "root_certs" in kinds else [],
        username=kinds.get("username"),
        password=kinds.get("password"),
        options=dict(options),
    )


def _with_material(invocation: Invocation, case: Case) -> Case:
    """The case with the certificates that it needs, fetched from the pinned hosts; without, when that fails."""
    store = MaterialStore(invocation.installation.clock, invocation.installation.fetch)
    needed = store.needed(case.provider, case.request, case.credentials, case.scheme)
    if not needed or store.fetch(store.missing(needed), case.source or "") is not None:
        return case
    return replace(case, credentials=store.complete(needed, case.credentials))


def _print(invocation: Invocation, diagnosis: Diagnosis) -> None:
    if invocation.as_json:
        print_json(diagnosis)
        return
    click.echo(printable(_verdict(diagnosis)))
    first, *rest = diagnosis.findings
    _print_finding(first, _TITLES[first.certainty])
    for finding in rest:
        click.echo("")
        _print_finding(finding, f"Also {finding.certainty}")
    _print_lines("What was expected", diagnosis.expected)
    _print_lines("What came", diagnosis.received)
    if diagnosis.tried:
        click.echo(f"\nTried {diagnosis.tried} variations of the request and of what the source holds.")


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.accepted:
        return f"Verifies as {diagnosis.provider}, scheme {diagnosis.scheme}."
    if diagnosis.reason is None:
        return f"A handshake of {diagnosis.provider}."
    return f"Refused: {diagnosis.reason}" + (f" ({diagnosis.detail})" if diagnosis.detail else "")


def _print_finding(finding: Finding, title: str) -> None:
    click.echo(printable(f"{title}: {finding.sentence}"))
    click.echo(printable(f"Do: {finding.remedy}"))
    for detail in finding.details:
        click.echo(printable(f"  - {detail}"))


def _print_lines(title: str, lines: Sequence[Line]) -> None:
    if not lines:
        return
    click.echo(f"\n{title}")
    width = max(len(line.label) for line in lines) + 2
    for line in lines:
        click.echo(printable(f"  {line.label + ':':<{width}}{line.text}"))
