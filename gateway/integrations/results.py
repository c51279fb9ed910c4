"""What came of activating, deactivating, testing or syncing an integration, as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.errors import GatewayError

SUCCESS: Final = "success"
ERROR: Final = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`message` is for a person; `redirect` is where one goes on, None mostly. `code` is that of the error. `details`
    are what else belongs to it (`synced`, `removed`, `total`, …).
    """

    status: Literal["success", "error"]
    message: str
    redirect: str | None = None
    code: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Whether it was done."""
        return self.status == SUCCESS

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it and a door gives it: what belongs to it stands beside the rest."""
        return {
            **self.details,
            "status": self.status,
            "message": self.message,
            "redirect": self.redirect,
            "code": self.code,
        }


def success(message: str, **details: Any) -> Result:
    """It was done."""
    return Result(status="success", message=message, details=details)


def failure(error: GatewayError, **details: Any) -> Result:
    """It was not, by an error of ours, which holds no secret."""
    return Result(status="error", message=str(error), code=error.code, details=details)


def from_json(kept: Mapping[str, Any]) -> Result:
    """What `to_json` made."""
    known = {"status", "message", "redirect", "code"}
    return Result(
        status="success" if kept.get("status") == SUCCESS else "error",
        message=str(kept.get("message", "")),
        redirect=kept.get("redirect"),
        code=kept.get("code"),
        details={name: value for name, value in kept.items() if name not in known},
    )
