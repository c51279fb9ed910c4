"""Where a call stands in a trace: the port that is told of each try, and its null twin.

The words of a trace are W3C's (Trace Context) and OpenTelemetry's; `opentelemetry_spans` speaks to the latter.
"""

from __future__ import annotations

from typing import Protocol

from gateway.clients.errors import IntegrationError
from gateway.clients.values import Call, Pairs


class Span(Protocol):
    """One try of a call, from getting its credentials to its answer. Used by one thread."""

    @property
    def headers(self) -> Pairs:
        """Headers that carry the trace on to the system (`traceparent`, `tracestate`); empty for no trace."""
        ...

    def end(self, status: int | None, error: BaseException | None) -> None:
        """The try ended, once: with the answer's status if there was one, and with `error` if it failed."""
        ...


class Tracer(Protocol):
    """Makes spans. Safe to call from any thread; neither it nor its spans raise anything."""

    def begin(self, system: str, origin: str, call: Call, tries: int) -> Span:
        """A try of `call` at `origin` begins, after `tries` others of it. `call` has no credentials yet; a span goes on
        from what its caller gave as `traceparent`.
        """
        ...


class Untraced:
    """Not a part of any trace: what a caller gave as `traceparent` goes on as it is."""

    headers: Pairs = ()

    def end(self, status: int | None, error: BaseException | None) -> None:
        return None


class NullTracer:
    """Traces nothing."""

    def begin(self, system: str, origin: str, call: Call, tries: int) -> Span:
        return _UNTRACED


def status_of(error: BaseException | None, answered: int | None) -> int | None:
    """The status of the answer to a try: what its error says, else that of the answer that came."""
    return error.call.status if isinstance(error, IntegrationError) else answered


_UNTRACED = Untraced()
