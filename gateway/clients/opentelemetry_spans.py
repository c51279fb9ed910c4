"""Spans of calls for OpenTelemetry, by its conventions for HTTP clients, where its API package is installed.

One span a try, which is the current one while the try lasts. It tells nothing that was put into a call: `url.full` is
the path's template without a query. Only the trace goes on to the system (W3C Trace Context), and no baggage, which
holds whatever an application put there.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
"""

from __future__ import annotations

import contextlib
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.clients.errors import IntegrationError
from gateway.clients.tracing import NullTracer, Span, Tracer, Untraced
from gateway.clients.values import Call, Pairs
from gateway.security.ssrf import DEFAULT_PORTS

try:
    from opentelemetry.context import attach, detach
    from opentelemetry.trace import (
        INVALID_SPAN,
        ProxyTracerProvider,
        SpanKind,
        StatusCode,
        get_current_span,
        get_tracer,
        get_tracer_provider,
        set_span_in_context,
    )
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    IS_INSTALLED = False
else:
    IS_INSTALLED = True

# RFC 9110 and RFC 5789; any other one could be anything, and is called so.
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_UNTRACED: Final = Untraced()


def default_tracer() -> Tracer:
    """OpenTelemetry's, with the application's provider, where it is installed; else none."""
    return OpenTelemetryTracer() if IS_INSTALLED else NullTracer()


class OpenTelemetryTracer:
    """Makes spans with `provider`, an OpenTelemetry `TracerProvider`; else with the one that the application set.

    Raises `ValueError` without the package `opentelemetry-api`.
    """

    def __init__(self, provider: Any = None) -> None:
        if not IS_INSTALLED:
            raise ValueError("spans need the package opentelemetry-api")
        self._tracer = get_tracer("gateway.clients", tracer_provider=provider)
        self._has_provider = provider is not None
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, system: str, origin: str, call: Call, tries: int) -> Span:
        # Telemetry fails open: a provider or a processor that is broken stops no call.
        with contextlib.suppress(Exception):
            if self._is_idle():
                return _UNTRACED
            given = {
                name.lower(): value for name, value in call.headers if name.lower() in {"traceparent", "tracestate"}
            }
            parent = self._propagator.extract(given) if given else None
            method = call.method if call.method in _METHODS else "_OTHER"
            span = self._tracer.start_span(
                f"{'HTTP' if method == '_OTHER' else method} {call.template}",
                parent,
                SpanKind.CLIENT,
                _attributes(system, origin, call, method, tries),
            )
            return _Traced(span, self._propagator)
        return _UNTRACED

    def _is_idle(self) -> bool:
        """Nobody set a provider, so that nothing is recorded, and the caller is in no trace that is to be passed on."""
        is_unset = not self._has_provider and isinstance(get_tracer_provider(), ProxyTracerProvider)
        return is_unset and get_current_span() is INVALID_SPAN


def _attributes(system: str, origin: str, call: Call, method: str, tries: int) -> dict[str, str | int]:
    server = urlsplit(origin)
    found: dict[str, str | int] = {
        "http.request.method": method,
        "server.address": server.hostname or "",
        "server.port": server.port or DEFAULT_PORTS[server.scheme],
        "url.full": origin + call.template,
        "url.template": call.template,
        "gateway.system": system,
    }
    if tries:
        found["http.request.resend_count"] = tries
    if call.body is not None:
        found["http.request.body.size"] = len(call.body)
    return found


class _Traced:
    def __init__(self, span: Any, propagator: Any) -> None:
        self._span = span
        self._entered = set_span_in_context(span)
        carrier: dict[str, str] = {}
        propagator.inject(carrier, self._entered)
        self.headers: Pairs = tuple(carrier.items())
        # Last: nothing that comes after it can fail.
        self._token = attach(self._entered)

    def end(self, status: int | None, error: BaseException | None) -> None:
        detach(self._token)
        with contextlib.suppress(Exception):
            if status is not None:
                self._span.set_attribute("http.response.status_code", status)
            if error is not None:
                # Not the exception itself, whose message tells what the system said.
                kind = error.code if isinstance(error, IntegrationError) else type(error).__qualname__
                self._span.set_attribute("error.type", kind)
                self._span.set_status(StatusCode.ERROR)
            self._span.end()
