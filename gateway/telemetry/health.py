"""Health: the outcome of checks, and how it is shown. What is checked is wired in by the application."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that was looked at. `detail` says, for people, what is wrong and what to do; it holds no secrets.
    `is_degraded`: it is ok, because all is done that is to be done, and less well than it could be.
    """

    name: str
    ok: bool
    detail: str = ""
    is_degraded: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All checks together."""

    checks: tuple[HealthCheck, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    @property
    def http_status(self) -> int:
        """200 when all is well, else 503, by which balancers and orchestrators decide."""
        return 200 if self.ok else 503

    def to_json(self, *, has_details: bool = True) -> dict[str, object]:
        """`{"status": "ok" | "degraded" | "failing", "checks": {name: {"ok": …, "detail": …}}}`, and `"degraded": true`
        for what makes it so. Details name hosts and counts: strangers do without.
        """
        is_degraded = any(check.is_degraded for check in self.checks)
        return {
            "status": "failing" if not self.ok else "degraded" if is_degraded else "ok",
            "checks": {check.name: _check_json(check, has_details=has_details) for check in self.checks},
        }


def _check_json(check: HealthCheck, *, has_details: bool) -> dict[str, object]:
    shown: dict[str, object] = {"ok": check.ok}
    if check.is_degraded:
        shown["degraded"] = True
    if check.detail and has_details:
        shown["detail"] = check.detail
    return shown
