"""`python -m benchmarks.job_worker`: a worker as `gateway worker` starts it, which knows one kind of job more: of a
millisecond.
"""

from __future__ import annotations

import sys

from marshmallow import Schema

from benchmarks.plain_celery import work
from gateway.cli.main import main
from gateway.engines import kinds
from gateway.jobs.kind import Kind, Result
from gateway.jobs.run import JobRun


def run(_run: JobRun) -> Result:
    """A millisecond of work."""
    work()
    return None


KIND = Kind(name="bench.work", payload=Schema, run=run, timeout_seconds=60.0)

if __name__ == "__main__":
    kinds.KINDS = {**kinds.KINDS, KIND.name: KIND}
    sys.argv[1:] = ["worker"]
    sys.exit(main())
