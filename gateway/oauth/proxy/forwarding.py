"""Forwarding a call to the provider of a connection: the token added, the answer given bit by bit as it comes.

What the provider says goes on as it is, errors and redirects too. Errors of ours say that it said nothing: no
connection, no answer in time, the circuit is open, its own limit is not over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

from gateway.clients.addresses import MAX_REDIRECTS, origin_of, templated
from gateway.clients.breaker import Permit
from gateway.clients.errors import IntegrationError, RateLimited, ResponseTooLarge, Unavailable
from gateway.clients.observer import CallReport
from gateway.clients.stripping import strip
from gateway.clients.transport import Http1Transport, OpenAnswer, Timeout
from gateway.clients.uploads import Upload
from gateway.clients.values import IDEMPOTENT_METHODS, SAFE_METHODS, Call
from gateway.clients.waits import STANDARD_WAITS, wait_seconds
from gateway.clock import MICROSECONDS
from gateway.errors import BodyIncomplete, BodyTooLarge, BodyTooSlow, GatewayError
from gateway.installation import Installation
from gateway.oauth.calling.client import require_base_url
from gateway.oauth.calling.connected import Connected, connected
from gateway.oauth.calling.observing import observers_of
from gateway.oauth.protocol.places import places_of
from gateway.oauth.proxy.bodies import HELD_BYTES, SIGNED_FORM_BYTES, Body, Source, is_form, read_body
from gateway.oauth.proxy.headers import NEW_TOKEN, Pairs, given, sent
from gateway.oauth.proxy.paths import target_url
from gateway.outgoing.user_agent import user_agent

CALL_SECONDS: Final = 60.0
"""From the call to the end of its answer."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
LONGEST_TURN_SECONDS: Final = 0.5
"""For so long a call waits for its turn under a limit; who would wait longer is told."""
RETRY_PAUSE_SECONDS: Final = 0.1

_SICK = frozenset({500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Passing:
    """A call as it came. `path` is what stood behind `proxy/` on the request line, `query` behind `?`. `body` has
    `length` bytes, None where that was not said, and may still be on its way.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Pairs = field(repr=False)
    body: Source = field(repr=False)
    length: int | None = None


class Forwarded:
    """The provider's answer. Its body is iterated once, and `close` has to be called."""

    def __init__(self, status: int, headers: Pairs, pieces: Iterator[bytes], closing: ExitStack) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces
        self._closing = closing

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Let go of the connection to the provider. Idempotent."""
        self._closing.close()


def forward(installation: Installation, tenant_id: str, connection_id: str, passing: Passing) -> Forwarded:
    """The answer of the provider of a tenant's connection to a call.

    Raises `NotFound`, `ConnectionRevoked`, `InvalidInput` for a path that leads elsewhere,
    `IntegrationError` where there is no answer, `BodyTooLarge`, `BodyIncomplete`, `BodyTooSlow`, `AddressForbidden`,
    `ProvidersBusy`, `StorageUnavailable`.
    """
    return installation.part(Forwarder).forward(connected(installation, tenant_id, connection_id), passing)


class Forwarder:
    """Forwards calls of all connections of one process. Safe from any thread."""

    def __init__(self, installation: Installation, *, call_seconds: float = CALL_SECONDS) -> None:
        self._installation = installation
        self._call_seconds = call_seconds
        self._transport = Http1Transport(
            timeout=Timeout(call_seconds=call_seconds),
            policy=installation.policy,
            resolver=installation.resolver,
            pool_size=installation.settings.web_threads,
        )

    def forward(self, connection: Connected, passing: Passing) -> Forwarded:
        """As `forward`."""
        base_url = require_base_url(connection)
        call = _call(connection, base_url, passing)
        under_way = _UnderWay(connection, call, time.monotonic())
        try:
            with ExitStack() as held:
                # While a provider is silent or slow with its answer, or a body is slow to come, a call holds a thread.
                held.enter_context(places_of(self._installation).taken())
                under_way.receive(self._body(connection, passing))
                answer = self._answered(under_way, held.enter_context(ExitStack()))
                return self._given(under_way, answer, held.pop_all())
        except (BodyTooLarge, BodyIncomplete, BodyTooSlow) as error:
            self._tell(under_way, error)
            raise
        except IntegrationError as error:
            strip(error, connection.opened.plan.auth.secrets(under_way.sent or call))
            self._tell(under_way, error)
            if isinstance(error.__cause__, GatewayError) and not isinstance(error.__cause__, IntegrationError):
                # Why there is no token: the connection's own words.
                raise error.__cause__ from None
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def _body(self, connection: Connected, passing: Passing) -> Body:
        needs_whole = connection.opened.plan.signs_forms and is_form(passing.headers)
        return read_body(
            passing.body,
            passing.length,
            most=self._installation.settings.proxy_body_bytes or None,
            held=SIGNED_FORM_BYTES if needs_whole else HELD_BYTES,
            needs_whole=needs_whole,
        )

    def _answered(self, under_way: _UnderWay, closing: ExitStack) -> OpenAnswer:
        """The answer, when it has begun."""
        connection, call = under_way.connection, under_way.call
        auth = connection.opened.plan.auth
        is_renewed = False
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once_or_twice(under_way, call, closing)
            if answer.status == 401 and not is_renewed and under_way.sent is not None:
                is_renewed = True
                if auth.refused(under_way.sent):
                    if under_way.is_sent_for_good:
                        # What was streamed is gone; the caller, who has it, is told that another try has another token.
                        under_way.has_new_token = True
                        return answer
                    closing.close()
                    continue
            further = None if under_way.is_sent_for_good else _redirected(call, answer)
            if further is None:
                return answer
            closing.close()
            call = further
        return answer

    def _once_or_twice(self, under_way: _UnderWay, call: Call, closing: ExitStack) -> OpenAnswer:
        """Again where nothing came and sending it twice is the same as once, or it was never sent."""
        try:
            return self._once(under_way, call, closing)
        except IntegrationError as error:
            is_safe = call.method in IDEMPOTENT_METHODS or not error.call.may_have_happened
            is_safe = is_safe and not under_way.is_sent_for_good
            if under_way.is_repeated or not error.retryable or not is_safe or isinstance(error, RateLimited):
                raise
            under_way.is_repeated = True
        time.sleep(RETRY_PAUSE_SECONDS)
        return self._once(under_way, call, closing)

    def _once(self, under_way: _UnderWay, call: Call, closing: ExitStack) -> OpenAnswer:
        connection = under_way.connection
        self._wait_for_turn(connection)
        under_way.sent = connection.opened.plan.auth.apply(call)
        permit = connection.breaker.admit()
        under_way.tries += 1
        try:
            ends_at = under_way.began_at + self._call_seconds
            opening = self._transport.open(under_way.sent, ends_at=ends_at, decodes=False, upload=under_way.upload)
            answer = closing.enter_context(opening)
        except BaseException as error:
            connection.breaker.ended(permit, error)
            raise
        self._learn(connection, permit, answer)
        return answer

    def _learn(self, connection: Connected, permit: Permit, answer: OpenAnswer) -> None:
        """What an answer says of the provider's health and limits."""
        sick = Unavailable("the provider says that it cannot now") if answer.status in _SICK else None
        connection.breaker.ended(permit, sick)
        if answer.status in (429, 503):
            now = self._installation.clock.now_us() / MICROSECONDS
            wait = wait_seconds(answer.headers, STANDARD_WAITS, now=now)
            if wait is not None:
                connection.limit.hold(wait)

    def _wait_for_turn(self, connection: Connected) -> None:
        while wait := connection.limit.wait_seconds():
            if wait > LONGEST_TURN_SECONDS:
                raise RateLimited(
                    "not sent: the limit of the provider for this connection is not over", retry_after_seconds=wait
                )
            time.sleep(wait)

    def _given(self, under_way: _UnderWay, answer: OpenAnswer, closing: ExitStack) -> Forwarded:
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_ANSWER_BYTES and under_way.call.method != "HEAD":
            closing.close()
            raise ResponseTooLarge(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        closing.callback(self._tell, under_way, None, answer)
        headers = given(answer.status, answer.headers.pairs)
        if under_way.has_new_token:
            headers.append(NEW_TOKEN)
        return Forwarded(answer.status, headers, answer.chunks(MAX_ANSWER_BYTES), closing)

    def _tell(self, under_way: _UnderWay, error: GatewayError | None, answer: OpenAnswer | None = None) -> None:
        call = under_way.call
        report = CallReport(
            system=under_way.connection.opened.provider.id,
            method=call.method,
            host=call.host,
            path=call.template,
            status=None if answer is None else answer.status,
            code=None if error is None else error.code,
            tries=under_way.tries,
            waited_seconds=0.0,
            seconds=time.monotonic() - under_way.began_at,
            sent_bytes=under_way.sent_bytes,
            received_bytes=0 if answer is None else answer.received_bytes,
            cached=None,
            request_id=None,
        )
        for observer in observers_of(self._installation):
            observer.ended(report)


@dataclass(slots=True)
class _UnderWay:
    """How far a call has come. `has_new_token`: the provider refused the one that went with a body that is gone."""

    connection: Connected
    call: Call
    began_at: float
    sent: Call | None = None
    tries: int = 0
    is_repeated: bool = False
    has_new_token: bool = False
    upload: Upload | None = None

    @property
    def is_sent_for_good(self) -> bool:
        """Whether some of its body has gone, and cannot be sent again."""
        return self.upload is not None and self.upload.has_begun

    @property
    def sent_bytes(self) -> int:
        """Of its body."""
        return self.upload.sent_bytes if self.upload is not None else len(self.call.body or b"")

    def receive(self, body: Body) -> None:
        """Its body is there, or begins to come."""
        self.call = replace(self.call, body=body.held)
        self.upload = body.upload


def _call(connection: Connected, base_url: str, passing: Passing) -> Call:
    url = target_url(base_url, passing.path, passing.query)
    headers = sent(passing.headers)
    names = {name.lower() for name, _ in headers}
    added = {"User-Agent": user_agent("proxy"), **connection.opened.plan.headers}
    headers += [(name, value) for name, value in added.items() if name.lower() not in names]
    template = templated(urlsplit(url).path)
    return Call(passing.method, url, template, headers=tuple(headers))


def _redirected(call: Call, answer: OpenAnswer) -> Call | None:
    """The call that a redirect leads to, where it stays at the provider's own origin and changes nothing there."""
    location = answer.headers.get("location")
    if answer.status not in _REDIRECTS or location is None or call.method not in SAFE_METHODS:
        return None
    try:
        url = urljoin(call.url, location)
        parts = urlsplit(url)
        is_there = origin_of(parts) == origin_of(urlsplit(call.url)) and parts.username is None
    except ValueError:
        return None
    return replace(call, url=url.partition("#")[0]) if is_there else None
