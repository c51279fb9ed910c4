"""Why a request was refused: a rejected request in, the likely cause and what to do out."""

from __future__ import annotations

from gateway.webhooks.explain.case import Case, OldCredential, OtherSource
from gateway.webhooks.explain.diagnosis import explain
from gateway.webhooks.explain.finding import Cause, Certainty, Diagnosis, Finding, Line

__all__ = ["Case", "Cause", "Certainty", "Diagnosis", "Finding", "Line", "OldCredential", "OtherSource", "explain"]
