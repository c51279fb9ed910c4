"""What Home Assistant answers to a command: a result, or an error of our tree by its code. Pure.

https://developers.home-assistant.io/docs/api/websocket; the codes are those of `websocket_api/const.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.clients.errors import (
    AuthorizationFailed,
    DeadlineExceeded,
    FailedCall,
    IntegrationError,
    ProtocolFault,
    RemoteNotFound,
    RequestRefused,
    Unavailable,
)
from gateway.clients.judging import excerpt, kinds_of
from gateway.clients.systems.home_assistant_values import SYSTEM

_KINDS: Final = kinds_of(
    (ProtocolFault, "id_reuse"),
    (RequestRefused, "invalid_format not_supported service_validation_error unknown_command template_error"),
    (AuthorizationFailed, "not_allowed unauthorized"),
    (RemoteNotFound, "not_found"),
    (Unavailable, "home_assistant_error unknown_error"),
    (DeadlineExceeded, "timeout"),
)


def result_of(kind: str, message: Mapping[str, Any]) -> Any:
    """The result of the command `kind`. Raises `IntegrationError` for one that failed."""
    if message.get("type") == "pong" or message.get("success") is True:
        return message.get("result")
    fault = message.get("error")
    entry = fault if isinstance(fault, dict) else {}
    raise refusal(kind, str(entry.get("code")), str(entry.get("message", "")))


def refusal(kind: str, code: str, message: str) -> IntegrationError:
    """What `code` of Home Assistant means, with the beginning of what it says to it."""
    said, meaning = excerpt(message), _KINDS.get(code, RequestRefused)
    happened = meaning in {Unavailable, DeadlineExceeded}
    call = FailedCall(SYSTEM, "WEBSOCKET", kind, vendor_code=code, excerpt=said, tries=1, may_have_happened=happened)
    return meaning(f"{SYSTEM}: {kind} failed ({code}): {said}", call=call)
