"""How a check inside the engine says no; `judge` turns it into a verdict."""

from __future__ import annotations

from gateway.webhooks.verification.verdict import Reason


class Rejected(Exception):
    """The request is refused. `detail` is for people and holds no secret and no signature."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def missing(detail: str) -> Rejected:
    """Something that the scheme signs or compares is not there."""
    return Rejected(Reason.SIGNATURE_MISSING, detail)


def malformed(detail: str) -> Rejected:
    """Something is there that cannot be read, or that could be read in two ways."""
    return Rejected(Reason.SIGNATURE_MALFORMED, detail)


def too_large(detail: str) -> Rejected:
    """To check it, more would have to be parsed than a stranger may have us parse."""
    return Rejected(Reason.BODY_TOO_LARGE, detail)


def mismatch(detail: str) -> Rejected:
    """It can be read, and it is not the right one."""
    return Rejected(Reason.SIGNATURE_MISMATCH, detail)
