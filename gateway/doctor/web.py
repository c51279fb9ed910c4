"""Whether web processes answer, where commands and vendors look for them."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from gateway.config import Settings
from gateway.doctor.check import CheckResult, Level
from gateway.errors import GatewayError, Hint
from gateway.outgoing import own_gateway


def web(settings: Settings) -> Iterator[CheckResult]:
    """Asks `/healthz` of the base URL."""
    try:
        reply = own_gateway.call(settings.base_url, "GET", "/healthz", headers={}, body=b"")
    except GatewayError as error:
        hint = () if error.hints else (Hint("start_gateway"),)
        yield CheckResult("web", Level.WARN, f"{error}", *error.hints[:1], *hint)
        return
    if reply.status == HTTPStatus.OK and '"ok"' in reply.text:
        yield CheckResult("web", Level.OK, f"answers at {settings.base_url}")
    else:
        detail = f"{settings.base_url} answers {reply.status}, and not as a gateway does: see GATEWAY_BASE_URL"
        yield CheckResult("web", Level.WARN, detail)
