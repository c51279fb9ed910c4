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
from gateway.clients.judging import excerpt
from gateway.clients.systems.home_assistant_values import SYSTEM

_MEANINGS: Final[dict[str, type[IntegrationError]]] = {
    "id_reuse": ProtocolFault,
    "invalid_format": RequestRefused,
    "not_allowed": AuthorizationFailed,
    "not_found": RemoteNotFound,
    "not_supported": RequestRefused,
    "home_assistant_error": Unavailable,
    "service_validation_error": RequestRefused,
    "unknown_command": RequestRefused,
    "unknown_error": Unavailable,
    "unauthorized": AuthorizationFailed,
    "timeout": DeadlineExceeded,
    "template_error": RequestRefused,
}


def result_of(kind: str, message: Mapping[str, Any]) -> Any:
    """The result of the command `kind`. Raises `IntegrationError` for one that failed."""
    if message.get("type") == "pong" or message.get("success") is True:
        return message.get("result")
    fault = message.get("error")
    entry = fault if isinstance(fault, dict) else {}
    raise refusal(kind, str(entry.get("code")), str(entry.get("message", "")))


def refusal(kind: str, code: str, message: str) -> IntegrationError:
    """What `code` of Home Assistant means, with the beginning of what it says to it."""
    said, meaning = excerpt(message), _MEANINGS.get(code, RequestRefused)
    happened = meaning in {Unavailable, DeadlineExceeded}
    call = FailedCall(SYSTEM, "WEBSOCKET", kind, vendor_code=code, excerpt=said, tries=1, may_have_happened=happened)
    return meaning(f"{SYSTEM}: {kind} failed ({code}): {said}", call=call)
