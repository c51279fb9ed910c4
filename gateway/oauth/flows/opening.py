"""A connect session is opened: its browser goes to the provider, or is asked first for what the provider needs."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.app_credentials.app import entry_of
from gateway.oauth.flows.departing import Departure, depart, leave
from gateway.oauth.flows.ending import ended, provider_name
from gateway.oauth.flows.one_time import digest, digest_of_given, new_token
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.rows import (
    PARAMETERS,
    acting_for,
    add_flow,
    find_flow,
    find_session,
    require_tries,
    use_flow,
    use_session,
)
from gateway.oauth.flows.steps import AskParameters, Ending, FlowRefused, Leave, Visitor
from gateway.oauth.models import AppCredentials, Connection, ConnectSession
from gateway.providers.oauth.hosts import server_parameters
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import FIELD, completed
from gateway.providers.oauth.parts import Parameter
from gateway.tenants.acting import Acting
from gateway.tenants.directory import TenantState

Step = Leave | AskParameters | Ending


def open_session(installation: Installation, provider_id: str, token: str | None, visitor: Visitor) -> Step:
    """Use up the session of `token` for this browser. Raises `FlowRefused`, `StorageUnavailable`."""
    session = find_session(installation, digest_of_given(token))
    with acting_for(installation, session, visitor) as acting:
        if acting.tenant.state is TenantState.SUSPENDED:
            raise FlowRefused(Refusal.TENANT_SUSPENDED)
        if session.app_credentials_id is None:
            raise FlowRefused(Refusal.PROVIDER_MISMATCH)
        row = acting.session.get(AppCredentials, session.app_credentials_id)
        if row is not None and row.provider != provider_id:
            raise FlowRefused(Refusal.PROVIDER_MISMATCH)
        use_session(acting, session, visitor)
        step = _begin(acting, session, visitor, row, provider_id)
    return leave(installation, session, visitor, step) if isinstance(step, Departure) else step


def start(
    installation: Installation,
    session: ConnectSession,
    app_credentials_id: str,
    visitor: Visitor,
    before: Connection | None = None,
) -> Step:
    """Begin a flow of a session that is open, by these app credentials; `before` is connected anew. Raises as
    `open_session`.
    """
    with acting_for(installation, session, visitor) as acting:
        if acting.tenant.state is TenantState.SUSPENDED:
            raise FlowRefused(Refusal.TENANT_SUSPENDED)
        require_tries(acting, session)
        row = acting.session.get(AppCredentials, app_credentials_id)
        if row is None:
            raise FlowRefused(Refusal.REQUEST_INVALID)
        step = _begin(acting, session, visitor, row, row.provider, before=before)
    return leave(installation, session, visitor, step) if isinstance(step, Departure) else step


def give_parameters(
    installation: Installation, provider_id: str, token: str | None, given: Mapping[str, str], visitor: Visitor
) -> Step:
    """Go on with what the customer was asked for. Raises `FlowRefused`, `StorageUnavailable`."""
    flow, session = find_flow(installation, digest_of_given(token), visitor)
    if flow.kind != PARAMETERS or flow.provider != provider_id:
        raise FlowRefused(Refusal.PROVIDER_MISMATCH)
    with acting_for(installation, session, visitor) as acting:
        if acting.tenant.state is TenantState.SUSPENDED:
            raise FlowRefused(Refusal.TENANT_SUSPENDED)
        require_tries(acting, session)
        use_flow(acting, flow, None)
        row = acting.session.get(AppCredentials, flow.app_credentials_id)
        before = None if flow.reconnect_id is None else acting.session.get(Connection, flow.reconnect_id)
        step = _begin(acting, session, visitor, row, provider_id, given, before)
    return leave(installation, session, visitor, step) if isinstance(step, Departure) else step


def _begin(
    acting: Acting,
    session: ConnectSession,
    visitor: Visitor,
    row: AppCredentials | None,
    provider_id: str,
    given: Mapping[str, str] | None = None,
    before: Connection | None = None,
) -> Departure | AskParameters | Ending:
    """The first step that is possible; `given` is what the customer wrote into our page."""
    try:
        if row is None or row.disabled_at is not None:
            raise InvalidInput("the app credentials were removed, or are disabled")
        _, oauth = entry_of(acting.installation, row.provider)
    except InvalidInput as error:
        return ended(
            acting,
            session,
            visitor,
            Outcome.APP_CREDENTIALS_UNUSABLE,
            app_credentials_id=session.app_credentials_id or (row.id if row is not None else ""),
            provider=provider_id,
            detail=str(error),
        )
    known = {**({} if before is None else before.parameters), **session.parameters}
    asked = asked_of_customer(oauth, {**row.parameters, **known})
    mine = {name: value.strip() for name, value in (given or {}).items() if name in asked}
    faults = _faults(acting, asked, mine) if given is not None else {}
    if asked and (given is None or faults):
        name = provider_name(acting.installation, row.provider)
        step = AskParameters(row.provider, name, asked, new_token(), mine, faults, session.theme)
        return _ask(acting, session, visitor, row, step, before)
    return depart(acting, session, visitor, row, {**known, **mine}, before)


def asked_of_customer(oauth: OAuth, known: Mapping[str, str]) -> dict[str, Parameter]:
    """What only the customer can say: which shop is theirs, and never which server is the provider's. Pure."""
    servers = server_parameters(oauth)
    return {
        name: one
        for name, one in oauth.parameters.items()
        if not known.get(name) and one.default is None and not one.optional and name not in servers
    }


def _faults(acting: Acting, asked: Mapping[str, Parameter], given: Mapping[str, str]) -> Mapping[str, str]:
    try:
        completed(asked, given, plain_http=acting.installation.policy.allow_private)
    except InvalidInput as error:
        return {fault.field.removeprefix(f"{FIELD}."): fault.message for fault in error.faults}
    return {}


def _ask(
    acting: Acting,
    session: ConnectSession,
    visitor: Visitor,
    row: AppCredentials,
    asked: AskParameters,
    before: Connection | None,
) -> AskParameters:
    add_flow(
        acting,
        session,
        visitor,
        app_credentials_id=row.id,
        provider=row.provider,
        kind=PARAMETERS,
        state_digest=digest(asked.token),
        kept={},
        reconnect_id=None if before is None else before.id,
    )
    return asked
