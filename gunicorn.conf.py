"""How gunicorn serves the gateway. `gateway run` passes bind, workers and threads; the rest stands here, with reasons.

Facts about the settings are gunicorn's, version 27: https://docs.gunicorn.org/en/stable/settings.html
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from gateway.config import load_settings
from gateway.open_files import FOR_THE_REST, raise_open_files, web_shortage
from gateway.server.host.worker import LoopWorker
from gateway.telemetry.logging import configure_logging, warn_of_settings
from gateway.telemetry.metric_files import VARIABLE, clean_metrics_dir, forget_process, make_metrics_dir

settings = load_settings()
configure_logging(settings, sys.stderr)


class GatewayLogger(Logger):
    """gunicorn's records, handed to our handlers as they are: one format, one place, secrets taken out."""

    # Asked at every request.
    access_log_enabled = False

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.propagate = True


# What runs: one event loop (uvloop's) a process takes the webhooks; what waits for its commit costs memory only. Pages
# run in threads beside it (GATEWAY_WEB_THREADS). `--worker-class gthread wsgi:app` serves the same application by
# threads.
wsgi_app = "asgi:app"
worker_class = LoopWorker
workers = 2
proc_name = "gateway"
# Each worker makes its own engine, commit writer and threads; none of them survives a fork. What does is loaded before,
# see `when_ready`.
preload_app = False

# Of gunicorn's threads; the event loop has llhttp. gunicorn's own C parser frames numbers beyond 2^64 wrongly.
http_parser = "python"

# A header of 64 KB reaches the application, which judges it and answers as for any other request. What exceeds the
# limits is answered with 431, 414 or 400. The event loop bounds the whole head too, see `server/host/framing.py`.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 72 * 1024

# How many connections each process takes, and how much what came over them may take before it is answered. Clients are
# told apart by their addresses; who comes through trusted proxies is told apart by those.
# Inherited by the workers.
open_files = raise_open_files()
worker_connections = min(settings.max_connections, max(16, open_files - FOR_THE_REST))
LoopWorker.requests_bytes = settings.requests_bytes
LoopWorker.connections_per_client = None if settings.trusted_proxies else settings.max_connections_per_address

# Longer than proxies keep idle connections (nginx: 60 s), so that never we, but they, close one: no request meets a
# connection that is being closed. Idle connections hold no thread.
keepalive = 75
# A worker that does not report for so long hangs and is replaced. Nothing in a request may wait that long.
timeout = 60
# Time for requests under way, and for what is in the commit queue, after SIGTERM.
graceful_timeout = 25

# Heartbeats go to memory: on a full or slow disk they would stop, and gunicorn would kill healthy workers.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the file has no name

# Our own format for all records; our own records for requests.
logger_class = GatewayLogger
accesslog = None

# Forwarded headers count as GATEWAY_TRUSTED_PROXIES says, which the application carries out; gunicorn must not trust
# the same headers by rules of its own.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# Nothing listens that nobody asked for.
control_socket_disable = True

# prometheus_client reads this variable when it is imported: after this file.
_own_metrics_dir: Path | None = None if settings.metrics_dir else make_metrics_dir()
metrics_dir: Path = settings.metrics_dir or _own_metrics_dir or Path()
raw_env = [f"{VARIABLE}={metrics_dir}"]


def on_starting(server: Any) -> None:
    """Counts of an earlier life of the server end here; from here on workers are forked."""
    warn_of_settings(settings)
    fault = web_shortage(settings.max_connections, open_files)
    if fault is not None:
        server.log.warning("%s; until then it takes %d connections", fault, worker_connections)
    clean_metrics_dir(metrics_dir)
    LoopWorker.stop_signals.guard_forks()


def when_ready(server: Any) -> None:
    """Load what all workers need and none of them changes, so that they share its memory: modules, and our catalogue.

    Nothing that is the operator's: settings, catalogue files and handlers are read by each worker, also after SIGHUP.
    Signals that come meanwhile wait in gunicorn's queue.
    """
    for name in ("gateway.factory", "gateway.server.front"):
        import_module(name)
    import_module("gateway.providers").catalogue()
    # To look for garbage among it would write to every page of it, and so copy it.
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """Choose a seat, and a core that no living worker has when there are enough for all."""
    worker.seat = LoopWorker.seats.take()
    worker.core = None
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        taken = {getattr(other, "core", None) for other in server.WORKERS.values()}
        free = [core for core in cores if core not in taken]
        if server.num_workers <= len(cores) and free:
            worker.core = free[0]


def post_fork(server: Any, worker: Any) -> None:
    """Stay on the chosen core: threads of one process that run on two cores fight for the interpreter's lock.

    Measured with two workers on two cores: 1 300 against 3 500 ingested events a second.
    """
    if worker.core is not None:
        os.sched_setaffinity(0, {worker.core})


def child_exit(server: Any, worker: Any) -> None:
    """A worker ended, in order or not: its counts stay, its gauges go, its seat is free."""
    LoopWorker.seats.leave(worker.seat)
    forget_process(metrics_dir, worker.pid)


def on_exit(server: Any) -> None:
    """Take away the directory that this file made."""
    if _own_metrics_dir is not None:
        shutil.rmtree(_own_metrics_dir, ignore_errors=True)
