"""Health reports: one failing check fails the whole."""

from __future__ import annotations

from gateway.telemetry.health import HealthCheck, HealthReport


def test_all_well() -> None:
    report = HealthReport((HealthCheck("database", ok=True), HealthCheck("migrations", ok=True, detail="0001")))
    assert (report.ok, report.http_status) == (True, 200)
    assert report.to_json() == {
        "status": "ok",
        "checks": {"database": {"ok": True}, "migrations": {"ok": True, "detail": "0001"}},
    }


def test_one_failure_fails_the_whole() -> None:
    report = HealthReport((HealthCheck("database", ok=True), HealthCheck("migrations", ok=False, detail="run it")))
    assert (report.ok, report.http_status) == (False, 503)
    assert report.to_json()["status"] == "failing"
