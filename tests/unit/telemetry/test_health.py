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


def test_degraded_is_ready_all_the_same() -> None:
    checks = (HealthCheck("database", ok=True), HealthCheck("broker", ok=True, detail="away", is_degraded=True))
    report = HealthReport(checks)
    assert report.http_status == 200
    assert report.to_json() == {
        "status": "degraded",
        "checks": {"database": {"ok": True}, "broker": {"ok": True, "degraded": True, "detail": "away"}},
    }
    assert HealthReport((*checks, HealthCheck("other", ok=False))).to_json()["status"] == "failing"
