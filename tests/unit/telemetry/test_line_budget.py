"""Lines are sampled above a rate, and what is left out is told; names in metrics are bounded."""

from __future__ import annotations

import logging
import re

import pytest

from gateway.clock import FakeClock
from gateway.telemetry.line_budget import LineBudget
from gateway.telemetry.metrics import DEFAULT_TENANT_ID, OTHER, BoundedNames
from gateway.tenants import models
from gateway.webhooks.arrival import Answer, Arrival, refusal
from gateway.webhooks.receive.request_lines import LINES_PER_SECOND, RequestLines


def test_so_many_lines_a_second_and_the_rest_is_counted() -> None:
    clock = FakeClock()
    budget = LineBudget(clock, 2)
    assert [budget.take() for _ in range(5)] == [0, 0, None, None, None]
    clock.advance(1.0)
    assert [budget.take() for _ in range(3)] == [3, 0, None]
    clock.advance(60.0)
    assert budget.take() == 1


def test_a_request_is_one_line_and_a_flood_hides_no_refusal(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    lines = RequestLines(clock)
    began = clock.monotonic()
    arrival = Arrival("default", "github", "POST", "https://x/", (), b"12345", "192.0.2.1", "req_7", 0, began)
    clock.advance(0.0125)
    with caplog.at_level(logging.INFO):
        for _ in range(LINES_PER_SECOND + 10):
            lines.answered(arrival, Answer(200, b"{}"))
        lines.answered(arrival, refusal(401, "signature_mismatch", "no"))
        clock.advance(1.0)
        lines.answered(arrival, Answer(200, b"{}"))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == LINES_PER_SECOND + 2
    for part in ("req_7", "github", "200", "12.5", "5"):
        assert part in told[0]
    assert "signature_mismatch" in told[-2]
    # As text or as fields, whichever this process writes.
    assert re.search(r"left_out\W+10\b", told[-1])


def test_names_are_bounded_and_tell_tenants_apart() -> None:
    assert DEFAULT_TENANT_ID == models.DEFAULT_TENANT_ID
    names = BoundedNames(most=2)
    assert names.of(DEFAULT_TENANT_ID, "github") == "github"
    assert names.of("ten_1", "github") == "ten_1/github"
    assert names.of("ten_1", "stripe") == OTHER
    assert names.of("ten_1", "github") == "ten_1/github"
