"""The Celery application: settings, tasks and steps put together. Making one reads nothing and opens nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from gateway.announcing.broker_settings import celery_settings
from gateway.announcing.names import DELIVER, PING, RUN_JOB
from gateway.config import Settings
from gateway.engines.celery_engine.process import ATTRIBUTE, WorkerProcess
from gateway.engines.celery_engine.step import GatewayStep
from gateway.engines.kinds import KINDS
from gateway.errors import ConfigurationError

NO_BROKER = "GATEWAY_BROKER_URL is not set: it names the broker of a Celery worker, for example amqp://127.0.0.1/"


def make_app(settings: Callable[[], Settings], process: WorkerProcess) -> Celery:
    """An application for the broker of `settings`, which are asked for when Celery first wants its own. Its tasks hand
    over to `process`. The settings' faults raise `ConfigurationError` then.
    """
    app = Celery("gateway")
    setattr(app, ATTRIBUTE, process)

    def configured() -> dict[str, Any]:
        broker_url = settings().broker_url
        if not broker_url:
            raise ConfigurationError([NO_BROKER])
        return celery_settings(broker_url, KINDS)

    # Fields that are unknown come from a newer version, ones that are missing from an older one: neither does harm.
    def deliver(ids: object = None, **_newer: object) -> None:
        process.consumed()
        process.deliver([] if ids is None else ids)

    def run_job(**_which: object) -> None:
        process.consumed()
        process.run_job()

    def ping(**_newer: object) -> None:
        process.consumed()

    for name, task in ((DELIVER, deliver), (RUN_JOB, run_job), (PING, ping)):
        app.task(task, name=name, shared=False)
    app.add_defaults(configured)
    app.steps["worker"].add(GatewayStep)
    setup_logging.connect(_keep_logging, weak=False)
    return app


def _keep_logging(loglevel: int | None = None, **_more: object) -> None:
    """Logs are ours; what Celery tells of itself is asked for by its own option."""
    logging.getLogger("celery").setLevel(loglevel or logging.WARNING)
