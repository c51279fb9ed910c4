"""`gateway listen`: new events of a gateway to a server on which somebody develops, as they come."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from gateway.cli.feeds.feed import Feed, Pump, Typed, Wanted
from gateway.cli.feeds.forwarder import Forwarder
from gateway.cli.feeds.keyboard import read_lines
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note
from gateway.cli.terminal.secret_options import from_variable
from gateway.deferred import deferred
from gateway.errors import GatewayError, InvalidInput
from gateway.security.loopback import is_loopback
from gateway.security.ssrf import parse_url

_here = deferred("gateway.cli.feeds.here")
_remote = deferred("gateway.cli.feeds.remote")
_remote_gateway = deferred("gateway.outgoing.remote_gateway")

_PORT = re.compile(r"\d{1,5}")


@click.command()
@click.option("--source", "sources", multiple=True, metavar="SLUG", help="Only of this source; several may be given.")
@click.option(
    "--type", "types", multiple=True, metavar="PATTERN", help="Only of this type; * and ? stand for anything."
)
@click.option("--forward-to", "to", metavar="URL", help="Where each is posted: http://localhost:3000/hook, or a port.")
@click.option("--print", "prints", is_flag=True, help="Show the bodies.")
@click.option("--gateway", "base_url", metavar="URL", help="Of another gateway, by its API; else of this one.")
@click.option("--key-env", metavar="VAR", help="The variable that holds an API key of it, with events:read.")
@with_invocation
def listen(
    invocation: Invocation,
    sources: Sequence[str],
    types: Sequence[str],
    to: str | None,
    prints: bool,
    base_url: str | None,
    key_env: str | None,
) -> None:
    """Post new events to a server of yours as they come, until Ctrl-C, with the bytes and headers of deliveries.

    \b
    gateway listen --source github --forward-to http://localhost:3000/hook
    gateway listen --forward-to 3000 --gateway https://hooks.example.com --key-env HOOKS_KEY

    A line for each says method, type, status and time. Nothing is changed at the gateway, and nothing is tried again
    by itself: type "again" and Enter to post the last one again. Credentials, cookies and what belongs to one
    connection are left out.
    """
    if to is None and not prints:
        raise InvalidInput("say where events go with --forward-to URL, or --print to see them only")
    forwarder = Forwarder(invocation, None if to is None else local_url(to), prints=prints)
    wanted = Wanted(tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(types)))
    pump = Pump(_feed(invocation, wanted, base_url, key_env))
    try:
        read_lines(lambda line: pump.put(Typed(line)), pump.ending)
        while True:
            forwarder.take(pump.take())
    except KeyboardInterrupt:
        note("")
    finally:
        pump.close()
    note(forwarder.summary())


def local_url(given: str) -> str:
    """The URL that is meant by a URL, a host with a path, or a port. Pure; raises `AddressForbidden`."""
    url = f"http://localhost:{given}/" if _PORT.fullmatch(given) else given if "://" in given else f"http://{given}"
    parse_url(url)
    return url


def _feed(invocation: Invocation, wanted: Wanted, base_url: str | None, key_env: str | None) -> Feed:
    if base_url is None:
        if key_env is not None:
            raise InvalidInput("--key-env is for another gateway: give its --gateway URL too")
        here: Feed = _here.FeedHere(invocation, wanted)
        return here
    if key_env is None:
        raise InvalidInput("--gateway needs --key-env VAR: the variable that holds an API key with events:read")
    target = parse_url(base_url)
    if target.scheme == "http" and not is_loopback(target.host):
        note("The key goes out unencrypted: use https://.")
    gateway = _remote_gateway.RemoteGateway(base_url, from_variable(key_env), tenant=invocation.given_tenant)
    try:
        remote: Feed = _remote.RemoteFeed(gateway, wanted, invocation.installation.clock)
    except GatewayError:
        gateway.close()
        raise
    return remote
