"""How long is fuzzed: in every test run a bounded number of examples, always the same; with `scripts/fuzz` others."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

LONG = "long"
LONGER = 4

settings.register_profile(LONG, deadline=None, suppress_health_check=_SLOW, print_blob=True)


def bounded(examples: int) -> settings:
    """So many examples, the same in every run; more, and others, where the profile of `scripts/fuzz` was chosen."""
    if settings.get_current_profile_name() == LONG:
        return settings(settings.get_profile(LONG), max_examples=LONGER * examples)
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW)
