"""`gateway connect`: a one-time URL at which somebody connects an account."""

from __future__ import annotations

import time

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import note, print_json, printable
from gateway.clock import iso
from gateway.deferred import deferred
from gateway.oauth.flows.sessions.draft import ConnectSessionDraft
from gateway.oauth.flows.sessions.management import MadeConnectSession, make_connect_session
from gateway.oauth.flows.sessions.search import show_connect_session
from gateway.oauth.flows.sessions.states import SessionState
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary

# Asks providers; who prints a URL needs none of it.
_device = deferred("gateway.oauth.flows.device")
_schema = deferred("gateway.oauth.flows.sessions.schema")

WATCH_SECONDS = 0.5
UNDER_WAY = (SessionState.PENDING, SessionState.OPENED)


@click.command()
@click.argument("app_credentials")
@click.option("--scope", "scopes", multiple=True, metavar="S", help="Ask for this; else as the app credentials say.")
@click.option("--return-to", metavar="URL", help="Where the browser is sent in the end; else a page says how it went.")
@click.option("--reconnect", metavar="CONNECTION", help="Connect this connection anew; it keeps its id.")
@click.option("--reference", metavar="TEXT", help="What you call the customer whose account it is.")
@click.option("--param", "parameters", type=Pair("="), multiple=True, metavar="K=V", help="What the provider asks for.")
@click.option("--theme", type=Pair("="), multiple=True, metavar="K=V", help="How pages look, such as accent=#7a3cff.")
@click.option("--wait", is_flag=True, help="Wait until the account is connected, and print its connection.")
@click.option("--device", is_flag=True, help="Without a browser here: print a code to enter at the provider, and wait.")
@with_invocation
def connect(
    invocation: Invocation,
    app_credentials: str,
    scopes: tuple[str, ...],
    return_to: str | None,
    reconnect: str | None,
    reference: str | None,
    parameters: tuple[tuple[str, str], ...],
    theme: tuple[tuple[str, str], ...],
    wait: bool,
    device: bool,
) -> None:
    """Print a URL at which an account is connected by APP_CREDENTIALS (name or id). It works once, for 10 minutes.

    Whoever opens it in a browser is led to the provider, agrees there, and comes back to the gateway.
    """
    draft = ConnectSessionDraft(
        app_credentials, scopes or None, return_to, reconnect, reference, dict(parameters), dict(theme)
    )
    if device:
        _report(invocation, _connected_device(invocation, draft))
        return
    with invocation.changing() as acting:
        made = make_connect_session(acting, draft)
    _print(invocation, made, waits=wait)
    if wait:
        _report(invocation, _awaited(invocation, made.session))


def _print(invocation: Invocation, made: MadeConnectSession, *, waits: bool) -> None:
    if invocation.as_json:
        # With --wait the connection is what is printed.
        shown = {"url": made.url, "expires_at": made.session.expires_at}
        note(made.url) if waits else print_json(shown)
        return
    click.echo(made.url)
    note(f"Open it in a browser, by {iso(made.session.expires_at)}. It works once.")
    if not waits:
        note("Then: gateway connections list")


def _awaited(invocation: Invocation, session: ConnectSessionSummary) -> ConnectSessionSummary:
    """The session when the customer is at the end."""
    while session.state in UNDER_WAY:
        time.sleep(WATCH_SECONDS)
        with invocation.reading() as acting:
            session = show_connect_session(acting, session.id)
    return session


def _connected_device(invocation: Invocation, draft: ConnectSessionDraft) -> ConnectSessionSummary:
    """The session when the code was entered, refused, or nobody cared."""
    waiting = _device.begin_device(invocation.changing, draft)
    login, session_id = waiting.login, waiting.session_id
    note(f"Open {printable(login.address)} on any machine, and enter {login.user_code} there.")
    if login.whole_address is not None:
        note(f"Or open {printable(login.whole_address)}, which knows the code.")
    note(f"It can be entered until {iso(waiting.expires_at)}.")
    while isinstance(waiting, _device.WaitingDevice):
        time.sleep(waiting.login.interval_seconds)
        waiting = _device.poll_device(waiting)
    with invocation.reading() as acting:
        return show_connect_session(acting, session_id)


def _report(invocation: Invocation, session: ConnectSessionSummary) -> None:
    if invocation.as_json:
        print_json(_schema.ConnectSessionSchema().dump(session))
    elif session.state is SessionState.CONNECTED:
        click.echo(session.connection)
    if session.state is SessionState.EXPIRED:
        note("Nobody connected an account in time. Make another URL.")
    elif session.state is SessionState.FAILED:
        note(
            f"No account was connected: {session.outcome}"
            + (f" ({printable(session.detail)})" if session.detail else "")
        )
    if session.state is not SessionState.CONNECTED:
        raise click.exceptions.Exit(FAILED)
