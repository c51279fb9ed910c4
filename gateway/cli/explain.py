"""`gateway explain`: why a signature fails. The diagnosis itself is pure and lives in `gateway.webhooks.explain`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.hints import with_sentences
from gateway.cli.terminal.options import Pair, TimeOrAge, to_time
from gateway.cli.terminal.output import as_data, print_json, printable
from gateway.cli.terminal.request_files import read_bytes, read_headers
from gateway.cli.terminal.secret_options import from_variable
from gateway.errors import InvalidInput
from gateway.webhooks.explain import Certainty, Diagnosis, Finding, Line
from gateway.webhooks.explain.asking import explain_for_source, explain_given, explain_rejection
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
@click.option("--at", type=TimeOrAge(), metavar="TIME", help="When it came: 2026-05-01T12:00, or 10m ago as 10m. [now]")
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
        diagnosis = explain_rejection(invocation.reading, rejection, url=url)
    else:
        request = InboundRequest(
            method.upper(), url or ANYWHERE, read_headers(headers) if headers else [], read_bytes(body) if body else b""
        )
        came_at = to_time(at, invocation.now())
        if source is not None:
            diagnosis = explain_for_source(invocation.reading, source, request, at=came_at)
        else:
            held = _credentials(secrets, variables, plain, options)
            diagnosis = explain_given(invocation.installation, provider or "", request, held, scheme=scheme, at=came_at)
    _print(invocation, diagnosis)
    if not diagnosis.accepted:
        raise click.exceptions.Exit(FAILED if diagnosis.is_proven else UNEXPLAINED)


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


def _print(invocation: Invocation, diagnosis: Diagnosis) -> None:
    if invocation.as_json:
        print_json(as_data(diagnosis) | {"findings": [_finding_data(finding) for finding in diagnosis.findings]})
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


def _finding_data(finding: Finding) -> dict[str, Any]:
    data: dict[str, Any] = as_data(finding)
    return {name: value for name, value in data.items() if name != "hints"} | {
        "remedy": with_sentences(finding.remedy, finding.hints)
    }


def _print_finding(finding: Finding, title: str) -> None:
    click.echo(printable(f"{title}: {finding.sentence}"))
    click.echo(printable(f"Do: {with_sentences(finding.remedy, finding.hints)}"))
    for detail in finding.details:
        click.echo(printable(f"  - {detail}"))


def _print_lines(title: str, lines: Sequence[Line]) -> None:
    if not lines:
        return
    click.echo(f"\n{title}")
    width = max(len(line.label) for line in lines) + 2
    for line in lines:
        click.echo(printable(f"  {line.label + ':':<{width}}{line.text}"))
