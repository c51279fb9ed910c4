"""The end of a flow that was granted: what has to be chosen is asked, the account read, and all stored at once."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.connections.store import create_or_update
from gateway.oauth.flows.ending import ending, provider_name
from gateway.oauth.flows.grants import Grant, as_data
from gateway.oauth.flows.one_time import digest, new_token
from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.flows.rows import BY_BROWSER, CHOICE, DEVICE, OAUTH1, acting_for, add_flow, end_flow
from gateway.oauth.flows.steps import AskChoice, Ending, Visitor
from gateway.oauth.models import AppCredentials, ConnectSession, Flow
from gateway.oauth.protocol.account import read_account
from gateway.oauth.protocol.after import ChoiceNeeded, after_exchange
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.sockets import sockets_of
from gateway.oauth.protocol.values import App, Endpoints


@dataclass(frozen=True, slots=True)
class Arrived:
    """A flow that was used up, and all that its last steps need."""

    installation: Installation
    session: ConnectSession
    flow: Flow
    visitor: Visitor
    app: App
    endpoints: Endpoints
    http: Http

    @property
    def way(self) -> str:
        """How the account is connected (`gateway.providers.ways`)."""
        # A step that let choose is of a browser.
        return self.flow.kind if self.flow.kind in (OAUTH1, DEVICE) else BY_BROWSER


def settle(arrived: Arrived, grant: Grant) -> AskChoice | Ending:
    """Store the grant, or ask the customer which part of it is meant. Raises `ProviderError`, and as `store`."""
    try:
        tokens = after_exchange(
            arrived.app,
            arrived.endpoints,
            grant.tokens,
            arrived.http,
            kept=grant.kept,
            now_us=arrived.installation.clock.now_us(),
        )
    except ChoiceNeeded as needed:
        return _ask(arrived, grant, needed)
    return store(arrived, Grant(tokens=tokens, kept=grant.kept, claims=grant.claims, token_secret=grant.token_secret))


def store(arrived: Arrived, grant: Grant) -> Ending:
    """Ask whose account it is, and store it: all in one transaction, or nothing. Raises `ProviderError`,
    `StorageUnavailable`, and `Conflict` or `NotFound` where what was to be connected anew cannot be.
    """
    installation, session, flow, app = arrived.installation, arrived.session, arrived.flow, arrived.app
    account = read_account(
        app,
        arrived.endpoints,
        grant.tokens,
        arrived.http,
        sockets=sockets_of(installation),
        kept=grant.kept,
        claims=grant.claims,
        token_secret=grant.token_secret,
        now_us=installation.clock.now_us(),
    )
    with acting_for(installation, session, arrived.visitor) as acting:
        row = acting.session.get(AppCredentials, flow.app_credentials_id)
        if row is None:
            raise InvalidInput("the app credentials were removed meanwhile")
        connection, change = create_or_update(
            acting.session,
            acting.keyring,
            installation,
            tenant_id=flow.tenant_id,
            app=row,
            provider=flow.provider,
            way=arrived.way,
            tokens=grant.tokens,
            secrets=grant.secrets,
            account=account,
            scopes_asked=flow.scopes,
            parameters=flow.parameters,
            kept={**grant.kept, **grant.tokens.kept},
            reference=session.reference,
            reconnect_id=flow.reconnect_id,
            now=acting.now,
        )
        end_flow(acting.session, flow.id, Outcome.CONNECTED, now=acting.now, connection_id=connection.id)
        after = {"change": change.value, "provider": flow.provider, "account_id": account.id, "session": session.id}
        acting.audit("connection.connected", connection.id, account.label or account.id, after=after)
    return ending(
        installation,
        session,
        flow.provider,
        Outcome.CONNECTED,
        connection_id=connection.id,
        label=account.label or account.id,
    )


def _ask(arrived: Arrived, grant: Grant, needed: ChoiceNeeded) -> AskChoice:
    token, flow = new_token(), arrived.flow
    with acting_for(arrived.installation, arrived.session, arrived.visitor) as acting:
        add_flow(
            acting,
            arrived.session,
            arrived.visitor,
            app_credentials_id=flow.app_credentials_id,
            provider=flow.provider,
            kind=CHOICE,
            state_digest=digest(token),
            kept=as_data(grant, needed.options),
            reconnect_id=flow.reconnect_id,
            scopes=flow.scopes,
            parameters=flow.parameters,
        )
        end_flow(acting.session, flow.id, None, now=acting.now)
    options = {option.key: option.label for option in needed.options}
    name = provider_name(arrived.installation, flow.provider)
    session = arrived.session
    return AskChoice(flow.provider, name, needed.about, options, token, session.return_to, session.theme)
