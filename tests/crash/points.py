"""Named points at which a process of the gateway can be made to die: a function of the product, and which side of it.

The product knows nothing of them: `mortality` puts them into the processes that the driver starts. A point that no
process passes any more, because its function was renamed, fails the run that draws it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Role = Literal["web", "worker"]


def _writes(arguments: tuple[Any, ...]) -> bool:
    """Whether the transaction of SQLAlchemy's connection may write."""
    return bool(arguments[0].get_execution_options().get("gateway_write"))


def _is_any(_arguments: tuple[Any, ...]) -> bool:
    return True


class Point(NamedTuple):
    """`role`: in which processes it counts; those of handlers are their worker's. `where`: module and function.
    `only`: which calls count, by their arguments. `by_broker`: passed only where there is a broker.
    """

    name: str
    role: Role
    where: str
    side: Literal["before", "after"]
    only: Callable[[tuple[Any, ...]], bool] = _is_any
    by_broker: bool = False


_PUBLISH = "gateway.announcing.link:Link.publish"
_HEAR = "gateway.engines.celery_engine.process:WorkerProcess.deliver"
_COMMIT = "sqlalchemy.engine.base:Connection._commit_impl"
_COMMITTED = "gateway.db.after_commit:run_callbacks"

POINTS = (
    # A webhook, from the batch to the bytes of its answer. On PostgreSQL the statement that stores is the transaction.
    Point("web-before-storing", "web", "gateway.webhooks.receive.store:store_submissions", "before"),
    Point("web-after-storing", "web", "gateway.webhooks.receive.store:store_submissions", "after"),
    Point("web-before-commit", "web", _COMMIT, "before", _writes),
    Point("web-after-commit", "web", _COMMITTED, "before"),
    Point("web-after-announcing", "web", _COMMITTED, "after"),
    Point("web-before-telling", "web", "gateway.db.writing.group_commit:GroupCommit._tell", "before"),
    Point("web-after-telling", "web", "gateway.db.writing.group_commit:GroupCommit._tell", "after"),
    Point("web-before-answering", "web", "gateway.server.host.exchange:Exchange._send_body", "before"),
    Point("web-after-answering", "web", "gateway.server.host.exchange:Exchange._send_body", "after"),
    # A delivery, from its claim to its record.
    Point("worker-before-transaction", "worker", "gateway.delivery.queue.session:QueueSession._run", "before"),
    Point("worker-after-recording", "worker", "gateway.delivery.queue.record:_store", "after"),
    Point("worker-after-claiming", "worker", "gateway.delivery.queue.claim:_settle", "after"),
    Point("worker-before-commit", "worker", _COMMIT, "before", _writes),
    Point("worker-after-commit", "worker", _COMMITTED, "before"),
    Point("worker-before-attempt", "worker", "gateway.delivery.worker.worker:Worker._begin", "before"),
    Point("worker-before-sending", "worker", "gateway.delivery.sending.sender:Sender._post", "before"),
    Point("worker-after-request", "worker", "aiohttp.client_reqrep:ClientRequest.send", "after"),
    Point("worker-before-reading", "worker", "gateway.delivery.sending.sender:_Attempt.read", "before"),
    Point("worker-after-sending", "worker", "gateway.delivery.sending.sender:Sender._post", "after"),
    Point("worker-before-handler", "worker", "gateway.delivery.sending.handler_pool:HandlerPool.run", "before"),
    Point("worker-after-handler", "worker", "gateway.delivery.sending.handler_pool:HandlerPool.run", "after"),
    Point("handler-before-call", "worker", "gateway.delivery.sending.handler_child:call", "before"),
    Point("handler-after-call", "worker", "gateway.delivery.sending.handler_child:call", "after"),
    # A job, from its claim to its record; also in the process of one that has its own.
    Point("job-after-claiming", "worker", "gateway.jobs.queue.claim:JobClaimer.claim", "after"),
    Point("job-before-beginning", "worker", "gateway.jobs.runner:JobRunner._begin", "before"),
    Point("job-before-commit", "worker", "gateway.jobs.run:JobRun._keep", "after"),
    Point("job-after-commit", "worker", "gateway.jobs.run:JobRun._committed", "before"),
    Point("job-after-ending", "worker", "gateway.jobs.attempt:carry_out", "after"),
    Point("job-after-recording", "worker", "gateway.jobs.queue.held:record", "after"),
    # An announcement, from whose commit made something due to the worker that hears of it.
    Point("web-before-publishing", "web", _PUBLISH, "before", by_broker=True),
    Point("web-after-publishing", "web", _PUBLISH, "after", by_broker=True),
    Point("worker-before-hearing", "worker", _HEAR, "before", by_broker=True),
    Point("worker-after-hearing", "worker", _HEAR, "after", by_broker=True),
)
