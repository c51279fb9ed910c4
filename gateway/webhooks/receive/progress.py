"""How far a request has come: to its answer, or to what that waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from gateway.db.writing.pending import Pending
from gateway.webhooks.arrival import Answer
from gateway.webhooks.receive.entry import Receipt

COMMIT_TIMEOUT_SECONDS = 15.0


class Submitted(NamedTuple):
    """An event that was handed to the journal's writer. `finish` makes the answer, waiting so many seconds for
    `receipt` if that is not settled yet.
    """

    receipt: Pending[Receipt]
    finish: Callable[[float], Answer]


@dataclass(frozen=True, slots=True)
class BlockingStep:
    """What has to be done before the answer is known, and blocks: `run` does it, in a thread that may.

    `is_large`: the body is large. It blocks because it computes, and has no need to overtake.
    """

    run: Callable[[], Progress]
    is_large: bool = False


Progress: TypeAlias = "Answer | Submitted | BlockingStep"
"""How far a request has come: to its answer, or to what that waits for."""


def wait_for_answer(progress: Progress) -> Answer:
    """Do and wait for what is left: for hosts that give each request a thread."""
    while isinstance(progress, BlockingStep):
        progress = progress.run()
    return progress if isinstance(progress, Answer) else progress.finish(COMMIT_TIMEOUT_SECONDS)
