"""Kinds of jobs that count, fail, hang and die; functions of a module, as a process of its own needs them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from marshmallow import Schema, fields
from sqlalchemy import text

from gateway.errors import GatewayError, NotFound
from gateway.jobs.kind import Kind, Result
from gateway.jobs.run import JobRun


class Payload(Schema):
    """What the jobs of these tests are given."""

    n = fields.Integer(load_default=0)


class Refusal(GatewayError):
    """Something that may go better next time."""

    code = "refusal"


def nothing(_run: JobRun) -> Result:
    return None


def count(run: JobRun, amid: Callable[[int], object] = lambda n: None) -> Result:
    """Count to the payload's `n`, one a transaction, and leave an entry of the audit trail for each number."""
    number = 0 if run.position is None else run.position["number"]
    while number < run.payload["n"]:
        number += 1
        with run.begin() as acting:
            acting.audit("test.counted", str(number))
            run.position = {"number": number}
            run.progress(number, run.payload["n"], f"at {number}")
            amid(number)
    return {"number": number}


def die_amid(run: JobRun) -> Result:
    """Kill the process in the transaction of the third number: all of it is written, nothing is committed."""
    return count(run, lambda number: number == 3 and os.kill(os.getpid(), signal.SIGKILL))


def die(_run: JobRun) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def die_leaving_another(_run: JobRun) -> Result:
    """Die beside a process that holds all that was open; its number is appended to the file that `LEFT_PIDS` names."""
    left = os.fork()
    if left == 0:
        time.sleep(600)
        os._exit(0)
    with open(os.environ["LEFT_PIDS"], "a") as pids:
        pids.write(f"{left}\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def hang(_run: JobRun) -> Result:
    """Comes to no checkpoint."""
    while True:
        time.sleep(60)


def wait(run: JobRun) -> Result:
    while True:
        run.sleep(60)


def refuse(run: JobRun) -> Result:
    if run.payload["n"]:
        raise Refusal("not now")
    return None


def miss(_run: JobRun) -> Result:
    raise NotFound("it is gone")


def leave(_run: JobRun) -> Result:
    raise SystemExit(3)


def who(_run: JobRun) -> Result:
    return {"pid": os.getpid()}


def see_running(run: JobRun) -> Result:
    """How many run while this one does."""
    with run.installation.database.read() as connection:
        found = connection.scalar(text("SELECT count(*) FROM jobs WHERE state = 'running'"))
    run.sleep(0.02)
    return {"running": found}


PLAIN = Kind(name="tests.plain", payload=Payload, run=nothing, timeout_seconds=60.0)
UNIQUE = replace(PLAIN, name="tests.unique", uniqueness=lambda payload: str(payload["n"]))
COUNTING = replace(PLAIN, run=count)


class Gate:
    """A job that has come to the gate waits there until it is let through."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(60)
