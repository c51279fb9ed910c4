"""What pytest loads in every run where this package is installed: three fixtures, and nothing until one is asked for.

Modules are imported by name: pytest looks at everything in here, and would wake a deferred one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gateway.testing.fake_gateway import FakeGateway
    from gateway.testing.signed import SignedEvent

SIGNED = "gateway.testing.signed"
FAKE_GATEWAY = "gateway.testing.fake_gateway"
FOLDER = "gateway_fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where captured events are."""
    parser.addini(
        FOLDER, "The folder of events that a gateway captured, from the root directory.", default="tests/fixtures"
    )


@pytest.fixture
def signed_event() -> Callable[..., SignedEvent]:
    """`signed_event("github", "push")`: an event as its vendor sends it, signed with a secret of tests."""
    found: Callable[..., SignedEvent] = import_module(SIGNED).signed_event
    return found


@pytest.fixture
def captured_event(pytestconfig: pytest.Config) -> Callable[..., SignedEvent]:
    """`captured_event("github.push")`: an event of a file that a gateway wrote, signed anew."""
    folder = pytestconfig.rootpath / pytestconfig.getini(FOLDER)

    def load(name: str, *, secret: str | None = None) -> SignedEvent:
        signed = import_module(SIGNED)
        found: SignedEvent = signed.captured_event(signed.find_fixture(folder, name), secret=secret)
        return found

    return load


@pytest.fixture
def fake_gateway() -> FakeGateway:
    """A gateway that calls handlers, in the process of the test."""
    made: FakeGateway = import_module(FAKE_GATEWAY).FakeGateway()
    return made
