"""What is told of calls: lines, counts, spans. None of them knows what was put into a call."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode, get_current_span
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.clients import opentelemetry_spans
from gateway.clients.auth.base import ApiKey, Bearer
from gateway.clients.breaker import Breaker
from gateway.clients.caching.cache import HttpCache
from gateway.clients.call_metrics import CallMetrics
from gateway.clients.client import ApiClient
from gateway.clients.errors import ConnectionFailed, IntegrationError, RemoteNotFound, Unavailable
from gateway.clients.opentelemetry_spans import OpenTelemetryTracer
from gateway.clients.retries import NO_RETRIES, RetryPolicy
from gateway.clients.tracing import NullTracer

TOKEN = "tok-91c2d4e6f8"
BASE = "https://api.acme.example:8443/v1"
ACME = {"system": "acme"}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
GIVEN = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "tracestate": "vendor=1"}


@pytest.fixture(autouse=True)
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def acme(**options: Any) -> ApiClient:
    quick = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)
    given = {"auth": Bearer(TOKEN), "system": "acme", "retries": quick, "session": requests.Session()}
    return ApiClient(BASE, **given | options)


def tracer(spans: InMemorySpanExporter) -> OpenTelemetryTracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return OpenTelemetryTracer(provider)


@pytest.mark.usefixtures("every_line")
def test_one_line_a_call_says_all_but_what_was_put_into_it(network: responses.RequestsMock) -> None:
    network.put(f"{BASE}/people/ada%40home.example", status=503)
    network.put(f"{BASE}/people/ada%40home.example", json={"ok": 1}, headers={"X-Request-Id": "r-1"})
    network.get(f"{BASE}/gone", status=404, json={"message": f"no {TOKEN}"})

    with capture_logs() as lines:
        acme().put("/people/{who}", {"who": "ada@home.example"}, query={"q": "private"}, json={"pin": "pin-7731"})
        with pytest.raises(RemoteNotFound):
            acme().get("/gone", query={"q": "private"})

    done, failed = lines
    assert done.pop("seconds") > 0
    assert done.pop("waited_seconds") >= 0
    assert done == {
        "event": "called",
        "log_level": "debug",
        "system": "acme",
        "method": "PUT",
        "host": "api.acme.example",
        "path": "/v1/people/{who}",
        "status": 200,
        "tries": 2,
        "sent_bytes": 2 * len(b'{"pin":"pin-7731"}'),
        "received_bytes": len(b'{"ok": 1}'),
        "request_id": "r-1",
    }
    assert (failed["log_level"], failed["status"], failed["code"]) == ("warning", 404, "remote_not_found")
    assert not any(secret in str(lines) for secret in (TOKEN, "private", "ada", "7731"))


def test_calls_are_counted_and_measured_per_system(network: responses.RequestsMock) -> None:
    registry = CollectorRegistry()
    client = acme(observers=[CallMetrics(registry)])
    network.post(f"{BASE}/a", json={"ok": 1})
    network.get(f"{BASE}/b", status=503)

    client.post("/a", body=b"12345")
    with pytest.raises(Unavailable):
        client.get("/b")
    client.json("GET", "/b", fallback=None)

    value = registry.get_sample_value
    assert value("gateway_client_calls_total", ACME | {"outcome": "succeeded"}) == 1
    assert value("gateway_client_calls_total", ACME | {"outcome": "system_unavailable"}) == 2
    assert value("gateway_client_tries_total", ACME) == 9
    assert value("gateway_client_sent_bytes_total", ACME) == 5
    assert value("gateway_client_received_bytes_total", ACME) == len(b'{"ok": 1}')
    assert value("gateway_client_fallbacks_total", ACME | {"outcome": "system_unavailable"}) == 1
    assert value("gateway_client_call_seconds_count", ACME) == 3
    assert 0 < (value("gateway_client_waited_seconds_total", ACME) or 0) < 1


def test_kept_answers_are_counted_by_what_became_of_them(network: responses.RequestsMock) -> None:
    registry = CollectorRegistry()
    client = acme(observers=[CallMetrics(registry)], cache=HttpCache())
    network.get(f"{BASE}/a", headers={"Cache-Control": "max-age=60"})

    for _ in range(3):
        client.get("/a")

    value = registry.get_sample_value
    assert value("gateway_client_kept_answers_total", ACME | {"use": "fresh"}) == 2
    assert value("gateway_client_calls_total", ACME | {"outcome": "succeeded"}) == 3
    assert value("gateway_client_tries_total", ACME) == 1


def test_a_try_without_an_answer_has_no_request_id_of_the_one_before(network: responses.RequestsMock) -> None:
    network.get(f"{BASE}/a", status=503, headers={"X-Request-Id": "r-1"})
    network.get(f"{BASE}/a", body=requests.ConnectTimeout())

    with capture_logs() as lines, pytest.raises(ConnectionFailed):
        acme().get("/a")

    assert lines[0]["tries"] > 1
    assert not {"status", "request_id"} & lines[0].keys()


def test_connections_are_counted_per_system() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)

    metrics.opened("acme", 1)
    metrics.lost("acme", ConnectionFailed("cut"), 1.0)
    metrics.malformed("acme", 12, "no JSON")

    value = registry.get_sample_value
    assert value("gateway_client_connections_total", ACME) == 1
    assert value("gateway_client_connections_lost_total", ACME | {"outcome": "connection_failed"}) == 1
    assert value("gateway_client_malformed_messages_total", ACME) == 1


def test_each_try_is_a_span_in_the_trace_of_its_caller(
    network: responses.RequestsMock, spans: InMemorySpanExporter
) -> None:
    network.post(f"{BASE}/people/ada", status=503)
    network.post(f"{BASE}/people/ada", status=201, json={})
    client = acme(tracer=tracer(spans))
    outer = TracerProvider(shutdown_on_exit=False).get_tracer("the caller's")

    with outer.start_as_current_span("outer") as current:
        client.post("/people/{who}", {"who": "ada"}, query={"q": "private"}, body=b"1234", may_repeat=True)

    first, second = spans.get_finished_spans()
    assert second.name == "POST /v1/people/{who}"
    assert second.kind is SpanKind.CLIENT
    assert dict(second.attributes or {}) == {
        "http.request.method": "POST",
        "http.request.resend_count": 1,
        "http.request.body.size": 4,
        "http.response.status_code": 201,
        "server.address": "api.acme.example",
        "server.port": 8443,
        "url.full": f"{BASE}/people/{{who}}",
        "url.template": "/v1/people/{who}",
        "gateway.system": "acme",
    }
    assert second.status.status_code is StatusCode.UNSET
    told = dict(first.attributes or {})
    assert (told["http.response.status_code"], told["error.type"]) == (503, "system_unavailable")
    assert first.status.status_code is StatusCode.ERROR
    assert "http.request.resend_count" not in told
    for span, sent in zip((first, second), network.calls, strict=True):
        assert span.parent == current.get_span_context()
        assert sent.request.headers["traceparent"] == traceparent(span)
    assert get_current_span() is INVALID_SPAN


def test_a_trace_that_is_given_with_a_call_goes_on(
    network: responses.RequestsMock, spans: InMemorySpanExporter
) -> None:
    network.get(f"{BASE}/a", json={})

    acme(tracer=tracer(spans)).get("/a", headers=GIVEN)
    acme(tracer=NullTracer()).get("/a", headers=GIVEN)
    acme().get("/a", headers=GIVEN)
    acme().get("/a")
    with TracerProvider(shutdown_on_exit=False).get_tracer("the caller's").start_as_current_span("outer") as outer:
        acme().get("/a")

    traced, untraced, without_provider, plain, inside = (one.request.headers for one in network.calls)
    (span,) = spans.get_finished_spans()
    assert traced["traceparent"] == traceparent(span)
    assert TRACE_ID in traced["traceparent"]
    assert traced["tracestate"] == "vendor=1"
    assert {name: untraced[name] for name in GIVEN} == GIVEN
    # The API package alone, as a library has it: nothing is recorded, and the trace is not lost.
    assert {name: without_provider[name] for name in GIVEN} == GIVEN
    assert "traceparent" not in plain
    assert f"{outer.get_span_context().span_id:016x}" in inside["traceparent"]


def test_what_was_not_sent_is_a_span_too_and_no_span_tells_a_secret(
    network: responses.RequestsMock, spans: InMemorySpanExporter
) -> None:
    network.get(f"{BASE}/a", status=500, json={"message": f"no {TOKEN}"})
    client = acme(
        tracer=tracer(spans),
        auth=ApiKey(TOKEN, query="key"),
        breaker=Breaker("acme", failures_to_open=1),
        retries=NO_RETRIES,
    )

    for _ in range(2):
        with pytest.raises(IntegrationError):
            client.get("/a", query={"q": "private"})

    _, unsent = spans.get_finished_spans()
    assert (unsent.attributes or {})["error.type"] == "circuit_open"
    assert "http.response.status_code" not in (unsent.attributes or {})
    told = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert TOKEN not in told
    assert "private" not in told
    assert get_current_span() is INVALID_SPAN


class Broken(SpanProcessor):
    """Fails at everything."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("no")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("no")


def test_telemetry_that_is_broken_stops_no_call(network: responses.RequestsMock) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    network.get(f"{BASE}/a", json={"ok": 1})

    assert acme(tracer=OpenTelemetryTracer(provider)).json("GET", "/a") == {"ok": 1}


def test_without_the_package_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    spec = importlib.util.spec_from_file_location("without_the_package", opentelemetry_spans.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert isinstance(module.default_tracer(), NullTracer)
    with pytest.raises(ValueError, match="opentelemetry-api"):
        module.OpenTelemetryTracer()


def traceparent(span: ReadableSpan) -> str:
    """How W3C Trace Context writes a span."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
