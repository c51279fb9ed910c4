"""`gateway call`: one request to an API, by a connection or with a key, with everything that its clients do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.bodies import pretty
from gateway.cli.terminal.output import note, print_json, print_json_line
from gateway.cli.terminal.request_files import read_bytes
from gateway.cli.terminal.secret_options import from_variable
from gateway.clients.client import ApiClient
from gateway.clients.described import DescribedClient
from gateway.clients.errors import AuthenticationFailed, IntegrationError
from gateway.clients.observer import CallReport, NullObserver
from gateway.clients.retries import NO_RETRIES, RetryPolicy
from gateway.clients.transport import Timeout
from gateway.clients.values import Answer
from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.providers import find_provider
from gateway.security.redaction import redact_headers
from gateway.security.ssrf import AddressPolicy

if TYPE_CHECKING:
    from gateway.oauth.calling.client import ConnectedClient

# Loaded for connections only.
_calling = deferred("gateway.oauth.calling.client")
_connected_apis = deferred("gateway.oauth.calling.connected")

CONNECTION_PREFIX = "conn_"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What is worth knowing of an answer's head.
SHOWN = ("content-type", "etag", "last-modified", "link", "location", "retry-after")
SHOWN_PREFIXES = ("x-ratelimit", "ratelimit", "x-request-id", "request-id", "x-github-request-id", "x-correlation")


class Narrator(NullObserver):
    """Tells on the terminal what a call waits for."""

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        if error is None:
            note(f"{seconds:.1f} s for a turn under the limit of {system}")
        else:
            note(f"{seconds:.1f} s, then again: {error}")

    def ended(self, report: CallReport) -> None:
        tries = "one try" if report.tries == 1 else f"{report.tries} tries"
        note(
            f"{report.method} {report.path}: {report.status or report.code}, {tries}, {report.seconds:.2f} s "
            f"({report.waited_seconds:.2f} s of it waited), {report.received_bytes} bytes"
        )


@click.command()
@click.argument("system", metavar="CONNECTION|PROVIDER")
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False), metavar="METHOD")
@click.argument("path")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the key or token.")
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="K=V",
    help="What the base URL, a header or PATH needs: a shop, an owner.",
)
@click.option("--query", "queries", multiple=True, metavar="K=V", help="A parameter of the query.")
@click.option("--data", metavar="JSON", help="What is sent: JSON, or @FILE with it.")
@click.option("--pages", "follow", is_flag=True, help="PATH is the name of a list: its records to the end, one a line.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="With --pages: at most so many records.")
@click.option("--explain", is_flag=True, help="Say what was tried, waited for, and why.")
@click.option(
    "--base-url", metavar="URL", help="Another base URL than the catalogue's: a sandbox, a server of your own."
)
@click.option(
    "--timeout", "seconds", type=click.FloatRange(0.1, 3600), default=60.0, metavar="SECONDS", show_default=True
)
@click.option("--no-retries", is_flag=True, help="One try, whatever becomes of it.")
@with_invocation
def call(
    invocation: Invocation,
    system: str,
    method: str,
    path: str,
    secret_env: str | None,
    parameters: Sequence[str],
    queries: Sequence[str],
    data: str | None,
    follow: bool,
    limit: int | None,
    explain: bool,
    base_url: str | None,
    seconds: float,
    no_retries: bool,
) -> None:
    """Call PATH of an API, with its credentials, its limits, retries of what is safe, and a deadline.

    \b
    gateway call conn_06bk7e8v3s9p41pf7j0q5m2c8g GET /user
    gateway call github GET /user --secret-env GITHUB_TOKEN
    gateway call hubspot GET contacts --pages --secret-env HUBSPOT_TOKEN
    gateway call shopify GET /orders.json --param shop=acme --secret-env SHOPIFY_TOKEN --explain

    Exits with 1 when the system does not answer with a success.
    """
    given = dict(_pair(one, "--param") for one in parameters)
    how: dict[str, Any] = {
        "observers": [Narrator()] if explain else [],
        "retries": NO_RETRIES if no_retries else RetryPolicy(),
        "timeout": Timeout(call_seconds=seconds),
    }
    client: ConnectedClient | DescribedClient
    try:
        if system.startswith(CONNECTION_PREFIX):
            if secret_env is not None or base_url is not None:
                raise InvalidInput("a connection has its own credentials and its own base URL")
            client, in_path = _connected(invocation, system, how), given
        else:
            client, in_path = _described(invocation, system, secret_env, given, base_url, how)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    query = [_pair(given, "--query") for given in queries]
    with client:
        try:
            if follow:
                _list(client, method, path, in_path, query, data, limit)
            else:
                _one(invocation, client, method, path, in_path, query, data)
        except AuthenticationFailed:
            if system.startswith(CONNECTION_PREFIX):
                note(f"Why, and what helps: gateway connections explain {system}")
            raise
        except ValueError as error:
            raise InvalidInput(str(error)) from error


def _described(
    invocation: Invocation,
    provider: str,
    secret_env: str | None,
    given: Mapping[str, str],
    base_url: str | None,
    how: Mapping[str, Any],
) -> tuple[DescribedClient, dict[str, str]]:
    """A client for a provider, and those of the given parameters that stand in the path."""
    settings = invocation.installation.settings
    entry = find_provider(invocation.installation.catalogue, provider)
    of_api = entry.api.parameters.keys() if entry.api is not None else frozenset[str]()
    client = ApiClient.for_provider(
        provider,
        from_variable(secret_env) if secret_env is not None else None,
        providers_dir=settings.providers_dir,
        parameters={name: value for name, value in given.items() if name in of_api},
        base_url=base_url,
        allow_http=settings.allow_private_destinations,
        policy=AddressPolicy(allow_private=settings.allow_private_destinations),
        **how,
    )
    return client, {name: value for name, value in given.items() if name not in of_api}


def _connected(invocation: Invocation, connection_id: str, how: Mapping[str, Any]) -> ConnectedClient:
    with invocation.reading() as acting:
        tenant_id = acting.tenant.id
    installation = invocation.installation
    connection = _connected_apis.connected(installation, tenant_id, connection_id)
    client: ConnectedClient = _calling.client_of(installation, connection, **how)
    return client


def _one(
    invocation: Invocation,
    client: ConnectedClient | DescribedClient,
    method: str,
    path: str,
    parameters: Mapping[str, str],
    query: list[tuple[str, str]],
    data: str | None,
) -> None:
    try:
        http = client.http if isinstance(client, DescribedClient) else client
        answer = http.request(method, path, parameters, query=query, json=_document(data))
    except IntegrationError as error:
        if error.call.request_id is not None:
            note(f"the system calls it {error.call.request_id}")
        raise
    headers = redact_headers(answer.headers.pairs, invocation.installation.proof_headers)
    if invocation.as_json:
        print_json({"status": answer.status, "headers": dict(headers), "body": _body(answer), "tries": answer.tries})
        return
    note(f"{answer.status}")
    for name, value in headers:
        if name.lower() in SHOWN or name.lower().startswith(SHOWN_PREFIXES):
            note(f"{name}: {value}")
    if answer.body:
        click.echo(pretty(answer.body))


def _list(
    client: ConnectedClient | DescribedClient,
    method: str,
    name: str,
    parameters: Mapping[str, str],
    query: list[tuple[str, str]],
    data: str | None,
    limit: int | None,
) -> None:
    if method.upper() != "GET" or data is not None:
        raise InvalidInput("--pages reads a list: GET, and nothing is sent")
    count = 0
    try:
        for record in islice(client.resource(name).records(parameters, query=dict(query)), limit):
            print_json_line(record)
            count += 1
    except IntegrationError:
        note(f"{count} records came before it failed.")
        raise
    note(f"{count} records." if count else "No records.")


def _pair(given: str, option: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise InvalidInput(f"{option} {given!r} is not of the form K=V")
    return name, value


def _document(data: str | None) -> Any:
    if data is None:
        return None
    text = read_bytes(Path(data[1:])) if data.startswith("@") else data.encode()
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise InvalidInput(f"--data is not JSON: {error}") from error


def _body(answer: Answer) -> Any:
    try:
        return answer.document
    except ValueError:
        return answer.text
