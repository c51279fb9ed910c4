"""Rows and targets of a benchmark's table."""

from __future__ import annotations

from benchmarks.report import Row, Target, table


def test_the_ratio_of_medians_is_compared_with_the_target() -> None:
    row = Row("ingest", "sqlite", "/s", [3000, 9000, 4000], [8000, 7000, 100], Target(0.55))

    assert row.ratio == 4000 / 7000
    assert row.is_met is True
    assert row.cells() == (
        "ingest", "sqlite", "4 000 /s (3 000–9 000)", "7 000 /s (100–8 000)", "0.57", "≥ 0.55", "ok",
    )  # fmt: skip


def test_without_a_reference_the_figure_itself_is_compared() -> None:
    row = Row("p95", "sqlite", "ms", [151.0], target=Target(150, at_most=True))

    assert row.ratio is None
    assert row.cells()[-3:] == ("–", "≤ 150", "below")


def test_without_a_target_nothing_is_judged() -> None:
    row = Row("memory", "sqlite", "MB", [80.0])

    assert row.is_met is None
    assert row.document()["gateway_median"] == 80.0


def test_the_table_is_markdown() -> None:
    lines = table([Row("memory", "sqlite", "MB", [80.0])]).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert lines[1].replace("-", "").replace("|", "") == ""
