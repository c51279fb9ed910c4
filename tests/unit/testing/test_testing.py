"""What tests of applications are given: signed events, and a gateway that calls handlers."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidInput, NotFound
from gateway.handlers import Handler, HandlerEvent, HandlerRegistry, PermanentFailure
from gateway.testing.fake_gateway import FakeGateway
from gateway.testing.signed import signed_event
from tests.services.github_sender import signed


def test_an_event_is_signed_as_its_vendor_does() -> None:
    event = signed_event("github", "push", body={"ref": "main"})
    wanted = signed(event.body, "", secret=event.secret)
    assert event.json == {"ref": "main"}
    assert event.headers["X-Hub-Signature-256"] == wanted["X-Hub-Signature-256"]
    assert event.headers["X-GitHub-Event"] == "push"
    assert signed_event("github", secret="other").headers != event.headers
    kept = signed_event("github", "push", body=b"{}", headers={"x-github-delivery": "5"})
    assert kept.headers["x-github-delivery"] == "5"


def test_what_cannot_be_signed_is_told() -> None:
    with pytest.raises(NotFound):
        signed_event("githup")
    with pytest.raises(InvalidInput, match="private key"):
        signed_event("discord")


def test_handlers_are_called_as_a_gateway_would() -> None:
    seen: list[HandlerEvent] = []

    def fails(event: HandlerEvent) -> None:
        raise PermanentFailure("no such order")

    registry = HandlerRegistry()
    registry.add(Handler("app:push", "github", ("push",), 30, seen.append))
    registry.add(Handler("app:own", "main-repository", ("pull_request.*",), 30, fails))
    gateway = FakeGateway(registry)
    push = signed_event("github", "push")
    assert [run.handler for run in gateway.deliver(push, attempt=2)] == ["app:push"]
    assert (seen[0].type, seen[0].source, seen[0].attempt, seen[0].body) == ("push", "github", 2, push.body)
    opened = signed_event("github", "pull_request")
    with pytest.raises(AssertionError, match="app:push to github"):
        gateway.deliver(opened)
    assert gateway.deliver(opened, check=False) == []
    with pytest.raises(PermanentFailure):
        gateway.deliver(opened, source="main-repository")
    [run] = gateway.deliver(opened, source="main-repository", check=False)
    assert run.is_permanent
    assert [run.handler for run in gateway.runs] == ["app:push", "app:own", "app:own"]


def test_a_handler_sees_no_shared_secret() -> None:
    seen: list[HandlerEvent] = []
    registry = HandlerRegistry()
    registry.add(Handler("app:any", "gitlab", ("*",), 30, seen.append))
    event = signed_event("gitlab")
    assert event.secret in event.headers.values()
    FakeGateway(registry).deliver(event)
    assert event.secret not in dict(seen[0].headers).values()
