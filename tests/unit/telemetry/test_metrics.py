"""Metrics: what is counted, that counting fails open, and what a scrape of one process shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import StorageUnavailable
from gateway.telemetry.exposition import QueueCollector, QueueGauges, render_metrics
from gateway.telemetry.metric_files import clean_metrics_dir, forget_process, make_metrics_dir, reserve_files
from gateway.telemetry.metrics import Metrics


def scrape(metrics: Metrics, *collectors: QueueCollector) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    rendered = render_metrics(metrics, metrics_dir=None, collectors=collectors)
    assert rendered.content_type.startswith("text/plain; version=")
    families = text_string_to_metric_families(rendered.body.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_everything_is_counted_under_its_name() -> None:
    metrics = Metrics()
    metrics.received("github")
    metrics.received("github")
    metrics.received("stripe")
    metrics.rejected("signature_mismatch")
    metrics.duplicates(1)
    metrics.attempt("delivered")
    metrics.ingested([0.004])
    metrics.delivered(0.12)
    metrics.committed(50)
    shown = scrape(metrics)
    assert shown[key("gateway_received_total", provider="github")] == 2
    assert shown[key("gateway_received_total", provider="stripe")] == 1
    assert shown[key("gateway_rejected_total", reason="signature_mismatch")] == 1
    assert shown[key("gateway_duplicates_total")] == 1
    assert shown[key("gateway_attempts_total", outcome="delivered")] == 1
    assert shown[key("gateway_ingest_seconds_count")] == 1
    assert shown[key("gateway_ingest_seconds_sum")] == 0.004
    assert shown[key("gateway_ingest_seconds_bucket", le="0.0025")] == 0
    assert shown[key("gateway_ingest_seconds_bucket", le="0.005")] == 1
    assert shown[key("gateway_delivery_latency_seconds_bucket", le="0.15")] == 1
    assert shown[key("gateway_commit_batch_size_bucket", le="50.0")] == 1
    assert shown[key("gateway_telemetry_failures_total")] == 0


def test_two_objects_do_not_mix() -> None:
    first, second = Metrics(), Metrics()
    first.duplicates(1)
    assert scrape(second)[key("gateway_duplicates_total")] == 0


def test_counting_fails_open_and_is_counted() -> None:
    metrics = Metrics()
    metrics.ingested("not a number")  # type: ignore[arg-type]
    metrics.committed(None)  # type: ignore[arg-type]
    metrics.received(["unhashable"])  # type: ignore[arg-type]
    assert scrape(metrics)[key("gateway_telemetry_failures_total")] == 3


def test_the_queue_is_read_when_asked() -> None:
    metrics = Metrics()
    gauges = QueueGauges({"pending": 3, "leased": 1}, oldest_due_seconds=2.5, breakers_by_state={"open": 1})
    reads = []
    collector = QueueCollector(lambda: reads.append(1) or gauges, metrics)
    assert reads == []
    shown = scrape(metrics, collector)
    assert reads == [1]
    assert shown[key("gateway_queue_depth", state="pending")] == 3
    assert shown[key("gateway_queue_depth", state="leased")] == 1
    assert shown[key("gateway_oldest_due_seconds")] == 2.5
    assert shown[key("gateway_breakers", state="open")] == 1


def test_a_database_that_is_away_leaves_the_other_metrics() -> None:
    def fail() -> QueueGauges:
        raise StorageUnavailable("stopped")

    metrics = Metrics()
    metrics.duplicates(1)
    scrape(metrics, QueueCollector(fail, metrics))
    shown = scrape(metrics)
    assert shown[key("gateway_duplicates_total")] == 1
    assert shown[key("gateway_telemetry_failures_total")] == 1
    assert key("gateway_oldest_due_seconds") not in shown


def test_a_metrics_dir_that_cannot_be_made_does_not_stop_anything(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    metrics = Metrics(tmp_path / "file" / "metrics")
    assert scrape(metrics)[key("gateway_telemetry_failures_total")] == 1


def test_files_have_their_space_from_the_start_also_where_no_web_process_made_their_directory(tmp_path: Path) -> None:
    reserve_files(tmp_path / "missing", 7)
    for name in ("counter_7.db", "histogram_7.db"):
        status = (tmp_path / "missing" / name).stat()
        assert status.st_size >= 1 << 18
        assert status.st_blocks * 512 >= status.st_size


def test_cleaning_keeps_the_living(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    clean_metrics_dir(directory)
    dead_pid = 2**22 + 1
    for name in (f"counter_{os.getpid()}.db", f"counter_{dead_pid}.db", f"gauge_livesum_{dead_pid}.db", "notes.txt"):
        (directory / name).touch()
    clean_metrics_dir(directory)
    assert {path.name for path in directory.iterdir()} == {f"counter_{os.getpid()}.db", "notes.txt"}


def test_forgetting_a_process_keeps_its_counts(tmp_path: Path) -> None:
    for name in ("counter_7.db", "gauge_livesum_7.db", "gauge_liveall_8.db"):
        (tmp_path / name).touch()
    forget_process(tmp_path, 7)
    assert {path.name for path in tmp_path.iterdir()} == {"counter_7.db", "gauge_liveall_8.db"}


def test_a_made_directory_is_private() -> None:
    directory = make_metrics_dir()
    try:
        assert directory.stat().st_mode & 0o077 == 0
    finally:
        directory.rmdir()


@pytest.mark.parametrize("name", ["gateway_received_total", "gateway_queue_depth"])
def test_no_metric_has_a_label_without_bound(name: str) -> None:
    metrics = Metrics()
    metrics.received("github")
    shown = scrape(metrics, QueueCollector(lambda: QueueGauges({"pending": 1}), metrics))
    labels = {label for sample, pairs in shown if sample == name for label, _ in pairs}
    assert labels <= {"provider", "state"}
