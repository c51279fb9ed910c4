"""A message as Celery's workers expect it (task messages, version 2), without Celery: who announces need not load it.

Messages carry ids only. Fields may be added: whoever reads one ignores what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.announcing.names import DELIVER, DELIVERIES, PING, RUN_JOB, queue_of_jobs
from gateway.security.identifiers import new_id

SERIALIZER = "json"


class Message(NamedTuple):
    """One message: the queue it goes to, the task it is for, and the task's keyword arguments."""

    queue: str
    task: str
    arguments: Mapping[str, Any]


def deliveries_message(ids: Sequence[str]) -> Message:
    """Says that the deliveries `ids` are due."""
    return Message(DELIVERIES, DELIVER, {"ids": list(ids)})


def job_message(kind: str, job_id: str) -> Message:
    """Says that a job is due."""
    return Message(queue_of_jobs(kind), RUN_JOB, {"kind": kind, "id": job_id})


def ping_message(queue: str) -> Message:
    """Shows whoever consumes `queue` that it does."""
    return Message(queue, PING, {})


def as_task(message: Message, *, origin: str) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Body, headers and properties. `origin` says who sent it, for people."""
    # Two announcements never share an id: one that was seen before would be no task of its own to those who count.
    task_id = new_id("msg")
    headers: dict[str, Any] = {
        "lang": "py",
        "task": message.task,
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "()",
        "kwargsrepr": _in_short(message.arguments),
        "origin": origin,
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
    body = [[], dict(message.arguments), {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return body, headers, {"correlation_id": task_id, "reply_to": ""}


def _in_short(arguments: Mapping[str, Any]) -> str:
    """What monitors show of the arguments."""
    ids = arguments.get("ids")
    return repr(dict(arguments)) if ids is None else repr({"ids": [*ids[:1], f"… {len(ids)} in all"]})
