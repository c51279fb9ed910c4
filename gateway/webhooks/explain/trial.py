"""A trial: the case with one known mistake undone. When its signature fits, that mistake was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import Hint
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.verification import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Trial:
    """`case` is the one to judge; the rest is what to say when its signature fits."""

    case: Case
    cause: Cause
    sentence: str
    remedy: str
    details: Sequence[str] = ()
    hints: Sequence[Hint] = ()

    def finding(self) -> Finding:
        """What a trial that fits proves."""
        return Finding(self.cause, Certainty.PROVEN, self.sentence, self.remedy, self.details, self.hints)


def fits(verdict: Verdict) -> bool:
    """Whether the signature is right. The age is looked at only after that, so a complaint about it proves it."""
    return verdict.accepted or verdict.reason is Reason.TIMESTAMP_OUT_OF_TOLERANCE
