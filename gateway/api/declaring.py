"""Declaring: what a resource can be asked for. One file of `resources` declares one resource; nothing here serves it.

    resource = Resource("sources", "Inbound endpoints, one for each account at a provider.")

    @resource.get("/sources/<source>", scope=Scope.SOURCES_READ, answer=SourceSchema, example=GITHUB)
    def show_source(acting: Acting, source: str) -> SourceSummary:
        \"\"\"Show a source.\"\"\"
        return search.show_source(acting, source)

The function calls one use case. It gets the `Acting` of the request and, by name, the parts of the path, and what else
was declared: `body` and `query` (what the schema made of them, a dict), `page` (of a list). Its docstring is what the
document says: the first line in short, the rest at length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Protocol, TypeVar

from marshmallow import Schema

from gateway.events.live.hub import EventHub, Guest
from gateway.installation import Installation
from gateway.tenants.api_keys.scopes import Scope

Function = TypeVar("Function", bound=Callable[..., Any])
Example = Mapping[str, Any]

MAX_BODY_BYTES = 1024 * 1024
FORWARDED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `scopes` are all needed; empty: any key will do. `answer` shows what `run` returns, with `status`; None: 204 and no
    body, unless `is_raw`: then it returns `Raw`, of which `example` has the text as `text`. `is_list` says that it
    returns a `Page`. `current` finds the thing that `run` is about to change, as `answer` shows it (`current_as`, where
    the answer shows something else), for If-Match; it locks the row. `writes` says which kind of transaction is opened.
    With `opens` none is: `run` gets what opens them, a `gateway.tenants.acting.Transactions`. With `for_system` it
    belongs to no tenant: `run` gets a `SystemActing`. With `is_stream` it gets a `Listening` and returns server-sent
    events, which are sent as they come; `example` has some as `text`. With `forwards` it gets a `Forwarding` and
    returns a `Forwarded`, whatever its status. Not `keeps_answer`: a marked request that comes again is carried out
    again, for its answer is not to be kept. What `asks_others` waits for strangers' servers, as many at once as
    `oauth.protocol.places` has.
    """

    id: str
    method: str
    path: str
    run: Callable[..., Any]
    summary: str
    description: str
    scopes: tuple[Scope, ...]
    answer: type[Schema] | None
    example: Example | None
    status: int
    body: type[Schema] | None
    body_example: Example | None
    max_body_bytes: int
    query: type[Schema] | None
    is_list: bool
    current: Callable[..., Any] | None
    current_as: type[Schema] | None
    writes: bool
    opens: bool
    for_system: bool
    is_raw: bool
    is_stream: bool
    forwards: bool
    keeps_answer: bool
    asks_others: bool

    @property
    def has_etag(self) -> bool:
        """Whether its answer is one thing with a version."""
        return self.answer is not None and not self.is_list and (self.method == "GET" or self.current is not None)

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a client may mark it, to send it twice without harm."""
        return self.method == "POST" and self.writes


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON of ours: bytes that a stranger may have written, with their content type."""

    body: bytes = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A request that somebody else answers, as it came, and for which tenant. `path` is what stood in the place of the
    last part of the path, `query` behind `?`: both as on the request line. `body` is read once, of `length` bytes, None
    where that was not said; it raises what `IncomingBody` does.
    """

    installation: Installation
    tenant_id: str
    method: str
    path: str
    query: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: IncomingBody = field(repr=False)
    length: int | None


class IncomingBody(Protocol):
    """A body that may still be on its way."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, as soon as there are any; empty at the end.

        Raises `BodyIncomplete`, `BodyTooSlow`, `StorageUnavailable`.
        """
        ...


class Forwarded(Protocol):
    """An answer of somebody else, whose body comes as it is iterated; `close` lets go of it."""

    status: int
    headers: Sequence[tuple[str, str]]

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Listening:
    """Who wants to listen to what. `last_event_id` is the header of this name, None where it is not there or empty."""

    hub: EventHub
    guest: Guest
    last_event_id: str | None


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource by the name that it has in paths and in the document, and what it is about."""

    name: str
    about: str
    operations: list[Operation] = field(default_factory=list)

    def get(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare a GET of one thing."""
        return self._declare("GET", path, writes=False, **declared)

    def list(self, path: str, *, answer: type[Schema], **declared: Any) -> Callable[[Function], Function]:
        """Declare a GET of a list, whose rows `answer` and `example` show."""
        return self._declare("GET", path, answer=answer, is_list=True, writes=False, **declared)

    def stream(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare a GET of events as they come."""
        return self._declare("GET", path, writes=False, is_stream=True, **declared)

    def post(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare a POST."""
        return self._declare("POST", path, **declared)

    def put(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare a PUT. With `current` it needs If-Match."""
        return self._declare("PUT", path, **declared)

    def patch(self, path: str, *, current: Callable[..., Any], **declared: Any) -> Callable[[Function], Function]:
        """Declare a PATCH, which needs If-Match."""
        return self._declare("PATCH", path, current=current, **declared)

    def delete(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare a DELETE, which is answered 204."""
        return self._declare("DELETE", path, status=204, **declared)

    def forward(self, path: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare what somebody else answers, by each method. `path` ends with a part that takes slashes, and may be
        left out.
        """

        def declare(run: Function) -> Function:
            for method in FORWARDED_METHODS:
                name = f"{run.__name__}_by_{method.lower()}"
                self._declare(method, path, id=name, writes=False, is_raw=True, forwards=True, **declared)(run)
            return run

        return declare

    def _declare(
        self,
        method: str,
        path: str,
        *,
        id: str | None = None,
        scope: Scope | Collection[Scope] = (),
        answer: type[Schema] | None = None,
        example: Example | None = None,
        status: int | None = None,
        body: type[Schema] | None = None,
        body_example: Example | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        query: type[Schema] | None = None,
        is_list: bool = False,
        current: Callable[..., Any] | None = None,
        current_as: type[Schema] | None = None,
        writes: bool = True,
        opens: bool = False,
        for_system: bool = False,
        is_raw: bool = False,
        is_stream: bool = False,
        forwards: bool = False,
        keeps_answer: bool = True,
        asks_others: bool = False,
    ) -> Callable[[Function], Function]:
        def declare(run: Function) -> Function:
            summary, _, description = (getdoc(run) or "").partition("\n")
            self.operations.append(
                Operation(
                    id=id or run.__name__,
                    method=method,
                    path=path,
                    run=run,
                    summary=summary,
                    description=description.strip(),
                    scopes=(scope,) if isinstance(scope, Scope) else tuple(scope),
                    answer=answer,
                    example=example,
                    status=status or (200 if answer is not None or is_raw or is_stream else 204),
                    body=body,
                    body_example=body_example,
                    max_body_bytes=max_body_bytes,
                    query=query,
                    is_list=is_list,
                    current=current,
                    current_as=current_as,
                    writes=writes,
                    opens=opens,
                    for_system=for_system,
                    is_raw=is_raw,
                    is_stream=is_stream,
                    forwards=forwards,
                    keeps_answer=keeps_answer,
                    asks_others=asks_others,
                )
            )
            return run

        return declare
