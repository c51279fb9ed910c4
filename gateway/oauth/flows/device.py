"""A flow without a browser of ours: a code that the customer enters at the provider, on any machine (RFC 8628).

It is on record as a connect session and a flow, like any other. Whoever began it asks the provider again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.clock import from_us
from gateway.errors import InvalidInput
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.flows.departing import chosen_scopes
from gateway.oauth.flows.ending import failure
from gateway.oauth.flows.grants import Grant
from gateway.oauth.flows.one_time import digest, new_token
from gateway.oauth.flows.rows import DEVICE, add_flow
from gateway.oauth.flows.sessions.draft import ConnectSessionDraft
from gateway.oauth.flows.sessions.management import make_connect_session
from gateway.oauth.flows.settling import Arrived, settle
from gateway.oauth.flows.steps import Ending, Visitor
from gateway.oauth.models import ConnectSession
from gateway.oauth.protocol import device
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderError
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.id_tokens import verified_claims
from gateway.oauth.protocol.values import Tokens
from gateway.tenants.acting import Begin


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A code that somebody has to enter. Ask again after `login.interval_seconds`."""

    arrived: Arrived
    login: device.DeviceLogin

    @property
    def session_id(self) -> str:
        """The connect session, in which it is seen how it ended."""
        return self.arrived.session.id

    @property
    def expires_at(self) -> datetime:
        """Until when the code can be entered."""
        return from_us(self.login.expires_at_us)


def begin_device(begin: Begin, draft: ConnectSessionDraft) -> WaitingDevice:
    """Ask the provider for a code. Raises as `make_connect_session`, and `ProviderError`."""
    visitor = Visitor(digest(new_token()))
    with begin() as acting:
        made = make_connect_session(acting, draft, way=DEVICE)
        session = acting.session.get_one(ConnectSession, made.session.id)
        session.opened_at, session.browser_digest = acting.now, visitor.browser
        row = require_app(acting.session, session.app_credentials_id or "")
        app = load_app(acting.session, acting.installation, row, parameters=session.parameters)
        if app.oauth.after_exchange is not None and app.oauth.after_exchange.choose is not None:
            message = f"at {row.provider} one of several may have to be chosen, which takes a page: use a browser"
            raise InvalidInput.at("app_credentials", "not_taken", message)
        flow = add_flow(
            acting,
            session,
            visitor,
            app_credentials_id=row.id,
            provider=row.provider,
            kind=DEVICE,
            state_digest=digest(new_token()),
            kept={},
            scopes=chosen_scopes(session, row, app.oauth, DEVICE),
            parameters=session.parameters,
        )
        installation = acting.installation
    http = http_of(installation)
    try:
        found = endpoints(app, http, installation.clock)
        login = device.begin(app, found, http, scopes=flow.scopes, now_us=installation.clock.now_us())
    except ProviderError as error:
        failure(installation, session, visitor, flow, error)
        raise
    return WaitingDevice(Arrived(installation, session, flow, visitor, app, found, http), login)


def poll_device(waiting: WaitingDevice) -> WaitingDevice | Ending:
    """Ask once whether the code was entered; what to wait for further, or how it ended."""
    arrived, installation = waiting.arrived, waiting.arrived.installation
    try:
        answer = device.poll(
            arrived.app, arrived.endpoints, arrived.http, waiting.login, now_us=installation.clock.now_us()
        )
        if isinstance(answer, device.DeviceLogin):
            return replace(waiting, login=answer)
        step = settle(arrived, _granted(arrived, answer))
        assert isinstance(step, Ending), "what lets choose was refused at the beginning"
        return step
    except Exception as error:
        return failure(installation, arrived.session, arrived.visitor, arrived.flow, error)


def _granted(arrived: Arrived, tokens: Tokens) -> Grant:
    clock = arrived.installation.clock
    # No browser carried a nonce.
    claims = verified_claims(arrived.app, arrived.endpoints, arrived.http, clock, tokens=tokens, nonce=None)
    return Grant(tokens=tokens, claims=claims)
