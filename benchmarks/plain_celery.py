"""An ordinary Celery application with tasks of a millisecond: what jobs are compared with. As Celery comes, but for
threads, in which jobs run too.

`BENCH_BROKER_URL` and `BENCH_TASKS` come from the environment; after so many tasks the worker says how long they took,
and ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from celery import Celery

from gateway.config import read_variable

WORK_SECONDS = 0.001

app = Celery("plain", broker=read_variable("BENCH_BROKER_URL"))
app.conf.update(
    task_ignore_result=True,
    task_default_queue="plain",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)

_lock = threading.Lock()
_done = 0
_began_at = 0.0


def work() -> None:
    """A millisecond of it."""
    ends_at = time.perf_counter() + WORK_SECONDS
    while time.perf_counter() < ends_at:
        pass


@app.task(name="plain.work")
def task() -> None:
    """One task; the last one tells."""
    global _done, _began_at
    with _lock:
        _began_at = _began_at or time.monotonic()
    work()
    with _lock:
        _done += 1
        if _done == int(read_variable("BENCH_TASKS") or 0):
            print(f"rate {_done / (time.monotonic() - _began_at)}", file=sys.stdout, flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
