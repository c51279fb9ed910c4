"""The end of a flow that connected nothing: which outcome an error is, on record, in the log, and for the browser."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import Conflict, DecryptionFailed, GatewayError, InvalidInput, NotFound, StorageUnavailable
from gateway.installation import Installation
from gateway.oauth.connections.store import AccountMismatch
from gateway.oauth.flows.one_time import digest, new_token
from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.flows.rows import acting_for, add_flow, end_flow
from gateway.oauth.flows.steps import Ending, Visitor
from gateway.oauth.models import ConnectSession, Flow
from gateway.oauth.protocol.errors import (
    CallbackRefused,
    ProviderAnswerInvalid,
    ProviderRefused,
    ProviderUnavailable,
)
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

# Codes by which a provider says that a person, or somebody for them, said no (RFC 6749, 4.1.2.1; OpenID Connect Core,
# 3.1.2.6; and those that vendors use for the same).
DENIALS = frozenset(
    {"access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize", "consent_required"}
)
MOST_DETAIL = 1000

_BY_ERROR: Mapping[type[Exception], Outcome] = {
    AccountMismatch: Outcome.ACCOUNT_MISMATCH,
    ProviderRefused: Outcome.PROVIDER_REFUSED,
    ProviderUnavailable: Outcome.PROVIDER_UNAVAILABLE,
    ProviderAnswerInvalid: Outcome.PROVIDER_ANSWER_INVALID,
    DecryptionFailed: Outcome.APP_CREDENTIALS_UNUSABLE,
    StorageUnavailable: Outcome.STORAGE_UNAVAILABLE,
    InvalidInput: Outcome.APP_CREDENTIALS_UNUSABLE,
}


def outcome_of(error: Exception, *, is_reconnect: bool) -> Outcome:
    """Which outcome an error is. Pure."""
    if isinstance(error, CallbackRefused):
        is_issuer = error.reason.startswith("issuer")
        return Outcome.ISSUER_MISMATCH if is_issuer else Outcome.CALLBACK_INVALID
    if isinstance(error, ProviderRefused) and error.error == "expired_token":
        return Outcome.DEVICE_CODE_EXPIRED
    if isinstance(error, ProviderRefused) and error.error in DENIALS:
        return Outcome.ACCESS_DENIED
    if isinstance(error, Conflict | NotFound) and not isinstance(error, AccountMismatch) and is_reconnect:
        return Outcome.RECONNECT_REFUSED
    found = (outcome for kind, outcome in _BY_ERROR.items() if isinstance(error, kind))
    return next(found, Outcome.INTERNAL_ERROR)


def failure(
    installation: Installation,
    session: ConnectSession,
    visitor: Visitor,
    flow: Flow,
    error: Exception,
    *,
    outcome: Outcome | None = None,
) -> Ending:
    """End `flow` by `error`, and say what the browser is told. Where the database is away the record stays as it was
    when the flow was consumed.
    """
    chosen = outcome or outcome_of(error, is_reconnect=flow.reconnect_id is not None)
    is_ours = isinstance(error, GatewayError)
    detail = str(error)[:MOST_DETAIL] if is_ours else f"{type(error).__name__}: see the log"
    logger = get_logger(__name__)
    said = {
        "request_id": visitor.request_id,
        "flow": flow.id,
        "provider": flow.provider,
        "tenant": flow.tenant_id,
        "outcome": chosen.value,
    }
    if is_ours:
        logger.warning("an account was not connected; the customer can start again", **said, error=detail)
    else:
        logger.error("an account was not connected because of a fault here", **said, exc_info=error)
    try:
        with acting_for(installation, session, visitor) as acting:
            end_flow(acting.session, flow.id, chosen, now=acting.now, detail=detail)
    except GatewayError as second:
        logger.warning("the end of a flow could not be written down", **said, error=str(second))
    code = error.error if isinstance(error, ProviderRefused) else None
    return ending(installation, session, flow.provider, chosen, error=code)


def ended(
    acting: Acting,
    session: ConnectSession,
    visitor: Visitor,
    outcome: Outcome,
    *,
    app_credentials_id: str,
    provider: str,
    detail: str,
) -> Ending:
    """A flow that ends before it begins, on record."""
    flow = add_flow(
        acting,
        session,
        visitor,
        app_credentials_id=app_credentials_id,
        provider=provider,
        kind=outcome,
        state_digest=digest(new_token()),
        kept={},
    )
    end_flow(acting.session, flow.id, outcome, now=acting.now, detail=detail[:MOST_DETAIL])
    return ending(acting.installation, session, provider, outcome)


def ending(
    installation: Installation,
    session: ConnectSession,
    provider_id: str,
    outcome: Outcome,
    *,
    connection_id: str | None = None,
    label: str | None = None,
    error: str | None = None,
) -> Ending:
    """What the browser is told of a flow that has ended; it is counted."""
    installation.metrics.flow_ended(outcome)
    return Ending(
        outcome=outcome,
        provider=provider_name(installation, provider_id),
        connection_id=connection_id,
        label=label,
        return_to=session.return_to,
        error=error,
        # An embedded page is in a frame of the application, to which the browser goes back.
        page=session.id if session.app_credentials_id is None and not session.is_embedded else None,
        theme=session.theme,
    )


def provider_name(installation: Installation, provider_id: str) -> str:
    """What people call the provider."""
    provider = installation.provider(provider_id)
    return provider_id if provider is None else provider.name
