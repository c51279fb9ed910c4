"""The words that are promises to those who run brokers and workers: names of queues and of tasks."""

from __future__ import annotations

DELIVERIES = "deliveries"

DELIVER = "gateway.deliver"
RUN_JOB = "gateway.run_job"
PING = "gateway.ping"


def queue_of_jobs(kind: str) -> str:
    """The queue in which jobs of `kind` are announced."""
    return f"jobs.{kind}"
