"""An integration in memory, on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.installation import Installation
from tests.services.memory_system import MemoryResource
from tests.services.syncs import Syncs


@pytest.fixture
def contacts() -> MemoryResource:
    return MemoryResource(page_size=10)


@pytest.fixture
def syncs(settings: Settings, fake_clock: FakeClock, contacts: MemoryResource) -> Iterator[Syncs]:
    with Installation(settings, clock=fake_clock) as installation:
        yield Syncs(installation, fake_clock, [contacts])
