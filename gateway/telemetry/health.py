"""Health: the outcome of checks, and how it is shown. What is checked is wired in by the application."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that was looked at. `detail` says, for people, what is wrong and what to do; it holds no secrets."""

    name: str
    ok: bool
    detail: str = ""


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
        """`{"status": "ok" | "failing", "checks": {name: {"ok": …, "detail": …}}}`. Details name hosts and counts:
        strangers do without.
        """
        return {
            "status": "ok" if self.ok else "failing",
            "checks": {check.name: _check_json(check, has_details=has_details) for check in self.checks},
        }


def _check_json(check: HealthCheck, *, has_details: bool) -> dict[str, object]:
    return {"ok": check.ok, "detail": check.detail} if check.detail and has_details else {"ok": check.ok}
