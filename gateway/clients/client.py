"""A client whose every request is well-behaved: bounded, guarded, repeated where that is safe, limited, broken off.

    client = ApiClient("https://api.example.com/v1", auth=Bearer(token), rate_limit=[Rate(100, 60)])
    client.json("GET", "/contacts/{id}", {"id": 17})

    crm = ApiClient.for_provider("hubspot", token_source)
    crm.resource("contacts").records(since=yesterday)

What it is made of (`auth`, `attempts`, `retries`, `breaker`, `limits`, `waits`, `paging`, `transport`) can be used by
itself. No Flask, no database, no environment: what clients share with other processes is an argument.
"""

from __future__ import annotations

import random as _random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gateway.clients.addresses import BaseUrl
from gateway.clients.attempts import CallRunner, Progress
from gateway.clients.auth.base import Auth, Unauthenticated
from gateway.clients.breaker import Breaker
from gateway.clients.building import CallBuilder, Query, pairs
from gateway.clients.by_provider import ByProvider
from gateway.clients.calling import Caller
from gateway.clients.compression import Compression
from gateway.clients.errors import FailedCall, IntegrationError, ResponseInvalid
from gateway.clients.fallback import NOTHING, Substitute
from gateway.clients.judging import Judge, by_status, explain_not_json
from gateway.clients.limits import Rate, RateLimit
from gateway.clients.observer import LogLines, Observer
from gateway.clients.opentelemetry_spans import default_tracer
from gateway.clients.paging.reading import MAX_PAGES, pages, pages_at_once
from gateway.clients.paging.styles import NumberedStyle, Page, PageRequest, PageStyle, records_at
from gateway.clients.retries import Random, RetryBudget, RetryPolicy
from gateway.clients.tracing import Tracer
from gateway.clients.transport import MAX_BYTES, Http1Transport, OpenAnswer, Session, Timeout, Transport
from gateway.clients.values import Answer, Call
from gateway.clients.verbs import Verbs
from gateway.clock import Clock, SystemClock
from gateway.deferred import deferred
from gateway.outgoing.resolver import Resolver
from gateway.outgoing.user_agent import user_agent
from gateway.security.ssrf import AddressPolicy

if TYPE_CHECKING:
    # With the library that it stands on, which a client without a cache does not load.
    from gateway.clients.caching.cache import HttpCache

# Which loads a library that few clients need.
_http2 = deferred("gateway.clients.http2")

ERROR_BYTES: Final = 64 * 1024
_HEADERS: Final = {"User-Agent": user_agent("client"), "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}


class ApiClient(Verbs, ByProvider):
    """One system's API with one set of credentials. Safe from any number of threads, and in a child after a fork.

    `base_url` is `https://host/path`; `http://` needs `allow_http`. `system` is its name in errors, lines and metrics,
    else the host. `breaker` and `rate_limit` are this client's own unless given. `idempotency_header` is what the
    system calls it; with it writes get a key, and may be repeated. `judge` says which answers are failures.
    `cache` keeps answers; it may be shared by clients, each of which sees its own credential's only. Bodies of
    `compress_above_bytes` and more are sent by gzip, where the system takes that.

    With `http2` all calls share one connection, which a call that ends early takes out of use; it needs packages of its
    own, and `ImportError` says which.

    Raises `ValueError` for what cannot work, or would show a secret.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        timeout: Timeout | None = None,
        retries: RetryPolicy | None = None,
        rate_limit: RateLimit | Sequence[Rate] = (),
        breaker: Breaker | None = None,
        session: Session | None = None,
        system: str = "",
        headers: Mapping[str, str] | None = None,
        idempotency_header: str | None = None,
        judge: Judge = by_status,
        cache: HttpCache | None = None,
        compress_above_bytes: int | None = None,
        observers: Sequence[Observer] | None = None,
        tracer: Tracer | None = None,
        max_bytes: int = MAX_BYTES,
        allow_http: bool = False,
        policy: AddressPolicy | None = None,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        http2: bool = False,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        random: Random = _random.random,
    ) -> None:
        self._base = BaseUrl.parse(base_url, allow_http=allow_http)
        host = urlsplit(self._base.origin).hostname or ""
        self.system = system or host
        self._calls = CallBuilder(self._base, _HEADERS | dict(headers or {}), idempotency_header)
        self._timeout = timeout or Timeout()
        self._clock = clock or SystemClock()
        self._judge = judge
        self._max_bytes = max_bytes
        self._runner = CallRunner(
            system=self.system,
            host=host,
            origin=self._base.origin,
            auth=auth or Unauthenticated(),
            limit=rate_limit
            if isinstance(rate_limit, RateLimit)
            else RateLimit(self.system, rate_limit, clock=self._clock),
            breaker=breaker or Breaker(self.system, clock=self._clock),
            retries=retries or RetryPolicy(),
            budget=RetryBudget(),
            observers=(LogLines(),) if observers is None else tuple(observers),
            tracer=tracer or default_tracer(),
            sleep=sleep,
            random=random,
        )
        guard: dict[str, Any] = {
            "timeout": self._timeout,
            "policy": policy or AddressPolicy(allow_private=False),
            "resolver": resolver,
            "ssl_context": ssl_context,
        }
        if http2 and session is not None:
            raise ValueError("a session of requests speaks HTTP/1.1: give it, or http2")
        self._transport: Transport = (
            _http2.Http2Transport(**guard) if http2 else Http1Transport(**guard, session=session)
        )
        self._caller = Caller(
            self._base,
            self._runner,
            self._transport,
            self._clock,
            cache=cache,
            compression=Compression(compress_above_bytes),
            has_own_means=ssl_context is not None or session is not None,
        )

    def __repr__(self) -> str:
        return f"ApiClient({self._base.origin}{self._base.path})"

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections. The client can still be used, and opens others then."""
        self._transport.close()

    def request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Query | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        idempotency_key: str | None = None,
        may_repeat: bool = False,
        template: str | None = None,
        judge: Judge | None = None,
        timeout_seconds: float | None = None,
        max_bytes: int | None = None,
        compress: bool | None = None,
        fallback: Any = NOTHING,
    ) -> Answer:
        """The answer to one call, when it is a success. Raises `IntegrationError`, `AddressForbidden`.

        `path` may have `{names}`, which `parameters` fill in, encoded; it is what logs show. A whole URL has to be of
        the client's origin, and shows as `template`. One of `json`, `form`, `body` is sent. `may_repeat` is for a POST
        or PATCH that sent twice means the same as once: a search, a conditional write. `judge` stands in for the
        client's own. `timeout_seconds` is for the call in all. `compress` decides for this call whether its body is.

        `fallback` (a value, a callable that gets the error, or `Stale`) stands in when an error is left that may pass.
        It is told of, and the answer says `instead_of` what it is.
        """
        call = self._calls.build(
            method,
            path,
            parameters,
            query=query,
            headers=headers,
            json=json,
            form=form,
            body=body,
            content_type=content_type,
            idempotency_key=idempotency_key,
            may_repeat=may_repeat,
            template=template,
        )
        return self._caller.answer(
            call,
            timeout_seconds or self._timeout.call_seconds,
            judge=judge or self._judge,
            max_bytes=self._max_bytes if max_bytes is None else max_bytes,
            compress=compress,
            fallback=fallback,
        )

    def json(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        json: object = None,
        **options: Any,
    ) -> Any:
        """The document that comes back; None for an answer without a body (204).

        The options are those of `request`. Raises `IntegrationError`; `ResponseInvalid` when what comes is not JSON,
        with what is probably wrong.
        """
        headers = {"Accept": "application/json"} | dict(options.pop("headers", None) or {})
        answer = self.request(method, path, parameters, json=json, headers=headers, **options)
        if isinstance(answer, Substitute):
            return answer.value
        if answer.status == 204 or (not answer.body and method.upper() == "HEAD"):
            return None
        return self.document_of(answer, method, path, parameters)

    def document_of(
        self, answer: Answer, method: str, path: str, parameters: Mapping[str, object] | None = None
    ) -> Any:
        """The document of an answer to such a call. Raises `ResponseInvalid`, with what is probably wrong."""
        try:
            return answer.document
        except ValueError as error:
            call = FailedCall(self.system, method.upper(), self._base.join(path, parameters or {})[1], answer.status)
            raise ResponseInvalid(f"{self.system}: {explain_not_json(answer)}", call=call) from error

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[OpenAnswer]:
        """An answer whose body is read in pieces (`chunks`). Tried again until it begins, and not after."""
        call = self._calls.build(method, path, parameters, query=query, headers=headers)
        progress = Progress(time.monotonic(), timeout_seconds or self._timeout.call_seconds)
        with ExitStack() as stack:

            def attempt(sent: Call) -> OpenAnswer:
                answer = stack.enter_context(self._transport.open(sent, ends_at=progress.ends_at))
                # Judged by its head; what a system says in the body of an error is read, up to a bound.
                body = b"".join(answer.chunks(ERROR_BYTES)) if answer.status >= 300 else b""
                head = Answer(answer.status, answer.headers, body, url=sent.url)
                progress.heard(head)
                judge = self._judge if answer.status >= 300 else by_status
                error = judge(head, self._clock.now_us() / 1e6)
                if error is not None:
                    stack.close()
                    raise error
                return answer

            yield self._runner.run(call, progress, attempt)

    def pages(
        self,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        style: PageStyle,
        records: str = "@",
        query: Query = (),
        form: Query | None = None,
        start: PageRequest | None = None,
        parallel: int = 1,
        max_pages: int = MAX_PAGES,
        **options: Any,
    ) -> Iterator[Page]:
        """The pages of a list, as `style` finds them; `records` is the JMESPath of a page's records.

        `start` goes on from where an earlier reading stopped (`Page.following`). `parallel` requests are under way at
        once where the style can count its pages. With `form` a list is asked for by POST, and what leads on by GET.
        Raises `IntegrationError`.
        """
        find = records_at(records)
        template = self._base.join(path, parameters or {})[1]
        method = "GET" if form is None else "POST"
        content: dict[str, Any] = {} if form is None else {"form": form, "may_repeat": True}

        def fetch(request: PageRequest) -> Answer:
            if request.url is not None:
                return self.request("GET", self._base.same_origin(request.url), template=template, **options)
            asked = [*pairs(query), *request.query]
            return self.request(method, path, parameters, query=asked, **content, **options)

        if parallel > 1:
            if start is not None or not isinstance(style, NumberedStyle):
                raise ValueError("pages are read at once from the first on, and where the style can count them")
            return pages_at_once(style, fetch, find, parallel=parallel, max_pages=max_pages)
        return pages(style, fetch, find, start=start, max_pages=max_pages)

    def records(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Iterator[Any]:
        """The records of a list, one by one; the options are those of `pages`."""
        for page in self.pages(path, parameters, **options):
            yield from page.records

    def of_item(self, error: IntegrationError) -> IntegrationError:
        """`error` of one item of several that an answer tells of: with the system's name, without our credentials."""
        return self._runner.of_item(error)
