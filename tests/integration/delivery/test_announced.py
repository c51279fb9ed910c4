"""Deliveries that are said to be due, when the database cannot even be asked for them."""

from __future__ import annotations

import pytest

from gateway.delivery.queue.claim import FreeSlots
from gateway.delivery.queue.session import QueueSession

from .conftest import Queue

FREE = FreeSlots(100, lambda target: target.concurrency)


@pytest.mark.parametrize("id_", ["dlv_\0", "dlv_\ud800"])
def test_what_cannot_be_looked_up_is_stale_and_moves_no_look(queue: Queue, id_: str) -> None:
    ours = QueueSession(
        queue.database,
        targets=lambda: queue.targets,
        journal=lambda *_arguments: None,
        clock=queue.clock,
        random=lambda: 0.5,
    )
    # Idle from here on.
    assert not ours.run([], FREE, {}).claimed
    assert ours.run([], FREE, {}, announced=[id_]).is_stale
    queue.add(queue.destination())
    assert len(ours.run([], FREE, {}).claimed) == 1
    ours.close()
