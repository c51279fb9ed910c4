"""Schedules that every installation has, on by default. A person may pause them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.integrations.jobs import UPKEEP
from gateway.jobs.schedules.draft import ScheduleDraft
from gateway.jobs.schedules.rhythm import Cron, Every
from gateway.oauth.refreshing.kind import REFRESH
from gateway.webhooks.purge_kind import PURGE
from gateway.webhooks.rhythm.kind import WATCH

BUILT_IN: Sequence[ScheduleDraft] = (
    # What is past the retention goes every night; not at the same minute everywhere that shares a machine.
    ScheduleDraft("purge", PURGE.name, Cron("0 3 * * *", "UTC"), jitter_seconds=3600),
    # What is due to be renewed is looked for often: short tokens live for minutes.
    ScheduleDraft("connections", REFRESH.name, Every(30)),
    # Which sources fell silent; the shortest silence that is told of is a quarter of an hour.
    ScheduleDraft("silence", WATCH.name, Every(300), jitter_seconds=30),
    # Live streams, edits that wait, health: what is to run and does not is asked for.
    ScheduleDraft("integrations", UPKEEP.name, Every(30)),
)
