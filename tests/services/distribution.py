"""Which tests run where and when, if several processes run them: what is long comes first, so that nobody is left alone
with it in the end, and tests that share something run where it was started.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files that take long, most of them because they start and break programs of their own; the longest first. Their tests
# share nothing, and are given out one by one.
LONG = (
    "tests/integration/engines/test_broker_faults.py",
    "tests/acceptance/test_machines.py",
    "tests/crash/test_rounds.py",
    "tests/acceptance/test_readme.py",
    "tests/acceptance/test_celery_faults.py",
    "tests/acceptance/test_kills.py",
    "tests/acceptance/test_pooler.py",
    "tests/integration/engines/test_engines.py",
    "tests/integration/api/test_fuzzing.py",
    "tests/fuzz/test_judging.py",
    "tests/fuzz/test_wire.py",
    "tests/acceptance/test_database_faults.py",
    "tests/acceptance/test_workers.py",
    "tests/acceptance/test_shutdown.py",
    "tests/integration/delivery/test_faults.py",
    "tests/integration/jobs/test_runner.py",
    "tests/integration/cli/test_run.py",
    "tests/acceptance/test_hosts.py",
    "tests/acceptance/test_settings.py",
    "tests/acceptance/test_tour.py",
    "tests/acceptance/test_out_of_order.py",
    "tests/acceptance/test_signals_at_start.py",
    "tests/acceptance/test_bad_destinations.py",
)
# But for these, which start once what all their tests share, or all tests of an engine.
SHARED = frozenset({"tests/acceptance/test_celery_faults.py"})
SHARED_BY_ENGINE = frozenset(
    {"tests/integration/engines/test_broker_faults.py", "tests/integration/engines/test_engines.py"}
)
# What takes a test on average falls in this order, and small pieces last make all end at the same time.
FOLDERS = (
    "tests/real/",
    "tests/hostile/",
    "tests/crash/",
    "tests/acceptance/",
    "tests/fuzz/",
    "tests/integration/",
    "tests/contract/",
    "tests/unit/",
)


class Distribution(LoadScopeScheduling):
    """Gives out files, classes, and the single tests of long files, in the order of `longest_first`."""

    def _split_scope(self, nodeid: str) -> str:
        """The name of what this test is given out with."""
        name, _, parameters = nodeid.partition("[")
        file, *within = name.split("::")
        if file in SHARED_BY_ENGINE:
            return f"{file}[{parameters.rstrip(']').split('-')[0]}]"
        if file in LONG and file not in SHARED and len(within) == 1:
            return nodeid
        return "::".join([file, *within[:-1]])


def longest_first(item: pytest.Item) -> tuple[int, int]:
    """Sorts tests by how long they take, as far as their files tell."""
    file = item.nodeid.split("::", 1)[0]
    rank = next((rank for rank, folder in enumerate(FOLDERS) if file.startswith(folder)), len(FOLDERS))
    return (-1, LONG.index(file)) if file in LONG else (rank, 0)
