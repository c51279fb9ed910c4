"""What pages say: what happened, and what to do. For the application's customers, who know neither it nor OAuth."""

from __future__ import annotations

from typing import NamedTuple

from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.states import ConnectionState

BACK = "Go back to the application you came from and start again."
ASK = "Go back to the application you came from, and tell its support if this happens again."

DISCONNECTED = "The account was disconnected."


class Words(NamedTuple):
    """`{provider}` stands for the provider's name."""

    status: int
    title: str
    happened: str
    advice: str


ENDINGS: dict[Outcome, Words] = {
    Outcome.CONNECTED: Words(200, "Connected", "Your {provider} account is connected.", "You can close this window."),
    Outcome.ACCESS_DENIED: Words(
        403, "Not connected", "Access to your {provider} account was declined, so nothing was connected.", BACK
    ),
    Outcome.DEVICE_CODE_EXPIRED: Words(410, "Not connected", "The code for {provider} was not entered in time.", BACK),
    Outcome.PROVIDER_ERROR: Words(
        502, "Not connected", "{provider} could not complete the request, so nothing was connected.", ASK
    ),
    Outcome.PROVIDER_REFUSED: Words(
        502, "Not connected", "{provider} did not accept what this application sent, so nothing was connected.", ASK
    ),
    Outcome.PROVIDER_UNAVAILABLE: Words(
        502,
        "Not connected",
        "{provider} does not answer at the moment, so nothing was connected.",
        "Wait a few minutes. Then go back to the application you came from and start again.",
    ),
    Outcome.PROVIDER_ANSWER_INVALID: Words(
        502, "Not connected", "{provider} sent an answer that cannot be used, so nothing was connected.", ASK
    ),
    Outcome.CALLBACK_INVALID: Words(
        400, "Not connected", "What came back from {provider} is not complete or not genuine.", BACK
    ),
    Outcome.ISSUER_MISMATCH: Words(
        400, "Not connected", "The answer did not come from the server at {provider} that was asked.", ASK
    ),
    Outcome.ACCOUNT_MISMATCH: Words(
        409,
        "Another account",
        "You chose another {provider} account than the one that is to be connected again.",
        "Sign out of {provider}, then go back to the application and start again with the right account.",
    ),
    Outcome.RECONNECT_REFUSED: Words(
        409,
        "Not connected",
        "What was to be connected again has ended meanwhile, or this {provider} account is connected already.",
        BACK,
    ),
    Outcome.PARAMETERS_INVALID: Words(
        422, "Not connected", "Something that {provider} needs to know is missing or wrong.", ASK
    ),
    Outcome.APP_CREDENTIALS_UNUSABLE: Words(
        409, "Not available", "Accounts at {provider} cannot be connected at the moment.", ASK
    ),
    Outcome.STORAGE_UNAVAILABLE: Words(
        503,
        "Please try again",
        "A part of this service is not available, so your {provider} account was not connected.",
        "Wait a few minutes. Then go back to the application you came from and start again.",
    ),
    Outcome.INTERRUPTED: Words(500, "Please try again", "Connecting {provider} was interrupted.", BACK),
    Outcome.INTERNAL_ERROR: Words(
        500, "Something went wrong", "Your {provider} account was not connected because of a fault here.", ASK
    ),
}

STATES: dict[str, str] = {
    ConnectionState.CONNECTED: "connected",
    ConnectionState.DEGRADED: "connected, without some of what was asked for",
    ConnectionState.REFRESH_UNCERTAIN: "connected",
    ConnectionState.NEEDS_REAUTH: "has to be connected again",
}

REFUSALS: dict[Refusal, Words] = {
    Refusal.SESSION_UNKNOWN: Words(
        404, "This link does not work", "The link is incomplete, or it was forgotten.", BACK
    ),
    Refusal.SESSION_USED: Words(
        410, "This link was used", "Each link works once, and this one was opened before.", BACK
    ),
    Refusal.SESSION_EXPIRED: Words(410, "This link has expired", "A link works for ten minutes.", BACK),
    Refusal.SESSION_SPENT: Words(429, "Too many tries", "There were too many tries with this link.", BACK),
    Refusal.STATE_UNKNOWN: Words(
        400, "Nothing to connect", "This page belongs to nothing that was begun here, or it was forgotten.", BACK
    ),
    Refusal.STATE_USED: Words(
        400, "This was answered already", "The page that you came back to works once, and was opened before.", BACK
    ),
    Refusal.STATE_EXPIRED: Words(400, "That took too long", "There are ten minutes to connect an account.", BACK),
    Refusal.BROWSER_UNKNOWN: Words(
        400,
        "Another browser",
        "This was begun in another browser or window, or your browser keeps no cookies.",
        "Allow cookies, go back to the application you came from and start again in this browser.",
    ),
    Refusal.PROVIDER_MISMATCH: Words(400, "The wrong address", "This address belongs to something else.", BACK),
    Refusal.TENANT_SUSPENDED: Words(503, "Not available", "This service is switched off at the moment.", ASK),
    Refusal.REQUEST_NOT_MEANT: Words(
        503, "Not shown ahead", "This page is shown when somebody opens it.", "Open the link in your browser."
    ),
    Refusal.REQUEST_INVALID: Words(400, "This does not work", "Your browser sent something unexpected.", BACK),
}

# The database was away before anything was used up: the same address works again.
AGAIN = Words(
    503,
    "Please try again",
    "A part of this service is not available at the moment. Nothing is lost.",
    "Wait a few seconds, then load this page again.",
)
FAULT = Words(500, "Something went wrong", "This page cannot be shown because of a fault here.", ASK)
