"""How a flow ends, as codes: in `return_to`, in the `outcome` of a session, and in docs/reference/connecting.md."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one way to the provider and back."""

    CONNECTED = "connected"  # the account is connected
    ACCESS_DENIED = "access_denied"  # the customer, or the provider for them, said no
    DEVICE_CODE_EXPIRED = "device_code_expired"  # nobody entered the code in time
    PROVIDER_ERROR = "provider_error"  # the provider sent the browser back with another error
    PROVIDER_REFUSED = "provider_refused"  # it did not take the code, or the app credentials
    PROVIDER_UNAVAILABLE = "provider_unavailable"  # it gave no answer, or one that says: later
    PROVIDER_ANSWER_INVALID = "provider_answer_invalid"  # its answer holds nothing that can be used
    CALLBACK_INVALID = "callback_invalid"  # what the browser brought back is not what a provider sends
    ISSUER_MISMATCH = "issuer_mismatch"  # it came from another authorization server than was asked (RFC 9207)
    ACCOUNT_MISMATCH = "account_mismatch"  # another account was chosen than the one that is connected anew
    RECONNECT_REFUSED = "reconnect_refused"  # what was to be connected anew has ended, or the account is another one's
    PARAMETERS_INVALID = "parameters_invalid"  # what the provider needs to know was not given, or is wrong
    APP_CREDENTIALS_UNUSABLE = "app_credentials_unusable"  # they were removed, disabled, or cannot be opened
    STORAGE_UNAVAILABLE = "storage_unavailable"  # the database was away: nothing was stored
    INTERRUPTED = "interrupted"  # the gateway's process ended in the middle
    INTERNAL_ERROR = "internal_error"  # a fault of the gateway


class Refusal(StrEnum):
    """Why a page is shown and nothing else happens: nobody can be sent back, for nobody knows whose browser it is."""

    SESSION_UNKNOWN = "session_unknown"  # no such one-time URL, or it is forgotten
    SESSION_USED = "session_used"  # it was opened before
    SESSION_EXPIRED = "session_expired"  # its time is up
    SESSION_SPENT = "session_spent"  # its customer has tried too often
    STATE_UNKNOWN = "state_unknown"  # the callback belongs to nothing that was begun here
    STATE_USED = "state_used"  # it came before
    STATE_EXPIRED = "state_expired"  # it came too late
    BROWSER_UNKNOWN = "browser_unknown"  # another browser than the one that began, or one without cookies
    PROVIDER_MISMATCH = "provider_mismatch"  # it came to the callback of another provider, or of other app credentials
    TENANT_SUSPENDED = "tenant_suspended"  # the tenant does not take part for now
    REQUEST_NOT_MEANT = "request_not_meant"  # HEAD, or a browser that fetches ahead: nothing is used up
    REQUEST_INVALID = "request_invalid"  # nothing that a page of ours, or a provider, sends
