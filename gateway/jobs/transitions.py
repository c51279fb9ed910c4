"""The state table of a job: which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import IllegalTransition
from gateway.jobs.models import JobState

TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset(
        {
            JobState.RUNNING,  # claimed
            JobState.CANCELLED,  # by a person
        }
    ),
    JobState.RUNNING: frozenset(
        {
            JobState.SUCCEEDED,
            JobState.PENDING,  # failed and to be retried, let go, or its process died
            JobState.FAILED,  # no try is left, or it killed its processes
            JobState.CANCELLED,  # by a person: asked for, and then done by whoever holds it
        }
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.PENDING}),  # retried by a person
    JobState.CANCELLED: frozenset({JobState.PENDING}),  # retried by a person
}

OPEN = frozenset({JobState.PENDING, JobState.RUNNING})
# What a person may have tried again.
RETRYABLE = frozenset({JobState.FAILED, JobState.CANCELLED})


def require_transition(before: JobState, after: JobState) -> None:
    """Raises `IllegalTransition` unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"a job that is {before} cannot become {after}")
