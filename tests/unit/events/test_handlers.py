"""Registering handlers: names, patterns, faults."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.errors import ConfigurationError
from gateway.handlers import REGISTRY, Handler, HandlerEvent, HandlerRegistry, load_handlers, on


def test_without_modules_there_are_no_handlers() -> None:
    assert load_handlers(()).all() == ()


def test_every_module_that_fails_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_handlers(["no_such_module_a", "no_such_module_b"])
    assert [fault.split(":")[1].strip() for fault in caught.value.faults] == [
        "cannot import no_such_module_a",
        "cannot import no_such_module_b",
    ]


def nothing(event: HandlerEvent) -> None: ...


def test_decorators_of_one_function_add_up() -> None:
    registry = HandlerRegistry()
    registry.add(Handler("app:nothing", "github", ("push",), 5.0, nothing))
    registry.add(Handler("app:nothing", "github", ("issues.*", "push"), 9.0, nothing))
    registry.add(Handler("app:nothing", "stripe", ("*",), 1.0, nothing))
    assert [(one.source, one.patterns, one.timeout_seconds) for one in registry.all()] == [
        ("github", ("push", "issues.*"), 9.0),
        ("stripe", ("*",), 1.0),
    ]


def test_a_function_inside_another_is_refused() -> None:
    with pytest.raises(ValueError, match="module level"):

        @on("github")
        def inner(event: HandlerEvent) -> None: ...

    assert all("<locals>" not in handler.name for handler in REGISTRY.all())


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_must_be_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        on("github", timeout_seconds=seconds)


def test_an_event_gives_its_body_and_headers() -> None:
    event = HandlerEvent(
        id="evt_1",
        type="push",
        source="github",
        provider="github",
        tenant="default",
        received_at=datetime(2026, 5, 1, tzinfo=UTC),
        headers=(("X-GitHub-Event", "push"),),
        body=b'{"a": 1}',
    )
    assert (event.json, event.header("x-github-event"), event.header("missing")) == ({"a": 1}, "push", None)
    assert "push" in repr(event)
    assert '{"a": 1}' not in repr(event)
