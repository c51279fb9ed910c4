"""Requests to providers: the port, and what sends them past the SSRF guard. What they say is decided elsewhere.

Nothing here shows a URL with its query, a header or a body: all three may hold secrets.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from gateway.clients.errors import IntegrationError, ProtocolFault
from gateway.clients.values import Call
from gateway.clients.waits import STANDARD_WAITS, wait_seconds
from gateway.clock import MICROSECONDS, SystemClock
from gateway.deferred import deferred
from gateway.errors import AddressForbidden
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.outgoing.caps import PROVIDER, Caps
from gateway.outgoing.resolver import Resolver
from gateway.outgoing.user_agent import user_agent
from gateway.security.loopback import is_loopback
from gateway.security.ssrf import AddressPolicy

if TYPE_CHECKING:
    from gateway.clients.transport import Http1Transport
    from gateway.installation import Installation

# Loads an HTTP library, which commands that ask nobody do without.
_transport = deferred("gateway.clients.transport")

IDLE_SECONDS: Final = 4.0
"""No connection is used again that was idle for longer: servers close them from five seconds on, and of a refresh whose
connection is closed nobody knows whether it happened."""

Pairs = tuple[tuple[str, str], ...]

USER_AGENT = user_agent("connections")
# A token answer is small, and what is not compressed is no bomb. Who compresses all the same is read within the cap.
_OWN_HEADERS = (("User-Agent", USER_AGENT), ("Accept", "application/json"), ("Accept-Encoding", "identity"))


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; `url` is whole, with its query. `headers` go before our own ones of the same names."""

    method: str
    url: str = field(repr=False)
    headers: Pairs = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer that is no redirect. Names of `headers` are in lower case; `body` is decoded."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


class Http(Protocol):
    """Sends requests to providers. Safe from any thread."""

    def send(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever its status, but for redirects.

        Raises `ProviderUnavailable` where there is no whole answer, or nobody may be asked there, and
        `ProviderAnswerInvalid` for a redirect, which is never followed, an answer that is too large, or no HTTP.
        """
        ...


class ProviderHttp:
    """By HTTP/1.1, to addresses that the policy allows, within `caps`. Connections are kept for the next request.

    Endpoints are HTTPS; a loopback host may do without where private addresses are allowed.
    """

    def __init__(
        self,
        resolver: Resolver,
        policy: AddressPolicy,
        *,
        caps: Caps = PROVIDER,
        ssl_context: ssl.SSLContext | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._policy = policy
        self._caps = caps
        self._lock = threading.Lock()
        self._made: Http1Transport | None = None
        self._options = {"resolver": resolver, "ssl_context": ssl_context, "idle_seconds": idle_seconds}

    def send(self, request: HttpRequest) -> HttpAnswer:
        """As the port has it."""
        host = self._judged(request.url)
        given = {name.lower() for name, _ in request.headers}
        headers = (*request.headers, *(pair for pair in _OWN_HEADERS if pair[0].lower() not in given))
        if (name := next((name for name, value in headers if not _is_line(value)), None)) is not None:
            raise ProviderUnavailable(f"{host} is not asked: the header {name} cannot be sent as it is", was_sent=False)
        call = Call(request.method, request.url, "", headers=headers, body=request.body)
        # The transport measures by the machine's clock.
        ends_at = SystemClock().monotonic() + self._caps.timeout_seconds
        try:
            answer = self._transport().send(call, ends_at=ends_at, max_bytes=self._caps.max_bytes)
        # Without causes: libraries' messages name the URL, whose query may hold secrets, and tracebacks are logged.
        except AddressForbidden as error:
            raise _not_asked(error) from None
        except ProtocolFault as error:
            raise ProviderAnswerInvalid(f"{host}: {error}") from None
        except IntegrationError as error:
            raise ProviderUnavailable(f"{host}: {error}", was_sent=error.call.may_have_happened) from None
        if 300 <= answer.status < 400:
            raise ProviderAnswerInvalid(f"{host} answered with a redirect ({answer.status}): they are not followed")
        return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body)

    def make_ready(self) -> None:
        """Load what the first request needs, which takes as long as a hundred of them. Idempotent."""
        self._transport()
        if self._options["ssl_context"] is None:
            _transport.default_trust()

    def close(self) -> None:
        """Let go of the connections."""
        if self._made is not None:
            self._made.close()

    def _transport(self) -> Http1Transport:
        with self._lock:
            if self._made is None:
                seconds = self._caps.timeout_seconds
                timeout = _transport.Timeout(connect_seconds=seconds / 2, read_seconds=seconds, call_seconds=seconds)
                self._made = _transport.Http1Transport(timeout=timeout, policy=self._policy, **self._options)
            return self._made

    def _judged(self, url: str) -> str:
        """The host of `url`. Raises `ProviderUnavailable` where no request may go there."""
        try:
            target = self._policy.check_url(url)
        except AddressForbidden as error:
            raise _not_asked(error) from error
        if target.scheme != "https" and not (self._policy.allow_private and is_loopback(target.host)):
            raise ProviderUnavailable(f"{target.host} is not asked: its URL must begin with https://", was_sent=False)
        return target.host


def http_of(installation: Installation) -> ProviderHttp:
    """The one of this process."""
    return installation.part(_make)


def retry_after_seconds(answer: HttpAnswer, *, now_us: int) -> float | None:
    """For how long the provider wants to be left alone; None where it does not say."""
    return wait_seconds(answer.headers, STANDARD_WAITS, now=now_us / MICROSECONDS)


def require_served(answer: HttpAnswer, what: str, *, now_us: int) -> None:
    """Raise `ProviderUnavailable` for 429 and 5xx, with the wait that is asked for; `what` begins its sentence."""
    if answer.status == 429 or answer.status >= 500:
        raise ProviderUnavailable(
            f"{what} with status {answer.status}",
            retry_after_seconds=retry_after_seconds(answer, now_us=now_us),
            was_sent=answer.status != 429,
        )


def _make(installation: Installation) -> ProviderHttp:
    return ProviderHttp(installation.resolver, installation.policy)


def _not_asked(error: AddressForbidden) -> ProviderUnavailable:
    # Its message names the address and never the URL.
    return ProviderUnavailable(f"the provider is not asked: {error}", was_sent=False)


def _is_line(text: str) -> bool:
    """Whether it can stand in a header (RFC 9110, 5.5)."""
    return text.isprintable() and all(one <= "\xff" for one in text)
