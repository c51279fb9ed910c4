"""`explain`: why a request is refused. Pure: a case in, a diagnosis out; no database, no network, no clock.

Each known mistake is undone by itself and the request judged again; when that makes its signature fit, the cause is
proven. When none does alone, two at once are tried. What can only be seen comes after what was proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from gateway.webhooks.explain.bodies import body_trials
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.clock import clock_findings
from gateway.webhooks.explain.facts import expected_lines, received_lines
from gateway.webhooks.explain.finding import Cause, Certainty, Diagnosis, Finding
from gateway.webhooks.explain.greetings import greeting_findings
from gateway.webhooks.explain.headers import header_findings, header_trials
from gateway.webhooks.explain.relatives import option_trials, provider_findings, provider_trials, scheme_trials
from gateway.webhooks.explain.secrets import secret_trials
from gateway.webhooks.explain.suspicions import blocking_findings, body_findings, secret_findings, url_findings
from gateway.webhooks.explain.trial import Trial, fits
from gateway.webhooks.explain.urls import url_trials
from gateway.webhooks.verification import Reason, Verdict

MAX_TRIALS = 4000
MAX_PAIRS = 6000
# What is larger is hashed a few hundred times, not thousands of times: an answer is wanted within seconds.
MAX_PAIRED_BYTES = 256 * 1024

Trials = Callable[[Case], Iterator[Trial]]

_ALONE: tuple[Trials, ...] = (
    scheme_trials,
    secret_trials,
    header_trials,
    url_trials,
    body_trials,
    option_trials,
    provider_trials,
)
# Of two mistakes at once the second is looked for in each case that the first one makes.
_PAIRS: tuple[tuple[Trials, Trials], ...] = (
    (secret_trials, scheme_trials),
    (secret_trials, header_trials),
    (secret_trials, url_trials),
    (header_trials, url_trials),
    (scheme_trials, url_trials),
    (secret_trials, body_trials),
    (scheme_trials, body_trials),
)


def explain(case: Case) -> Diagnosis:
    """The diagnosis of one request. Never raises on any bytes; prints no secret and no signature."""
    verdict = case.judge()
    findings, tried = _findings(case, verdict)
    return Diagnosis(
        provider=case.provider.id,
        scheme=verdict.scheme or case.scheme,
        accepted=verdict.accepted,
        reason=verdict.reason,
        detail=verdict.detail,
        findings=findings,
        expected=tuple(expected_lines(case)),
        received=tuple(received_lines(case)),
        tried=tried,
    )


def _findings(case: Case, verdict: Verdict) -> tuple[Sequence[Finding], int]:
    if verdict.accepted or verdict.handshake is not None:
        return (_accepted(case, verdict),), 0
    if verdict.reason is Reason.TIMESTAMP_OUT_OF_TOLERANCE:
        return tuple(clock_findings(case, Certainty.PROVEN, verdict.detail)), 0
    greetings = tuple(greeting_findings(case, verdict.detail))
    if greetings:
        return greetings, 0
    blocked = tuple(blocking_findings(case))
    proven: Sequence[Finding] = ()
    tried = 0
    if not case.is_truncated:
        proven, tried = _alone(case)
        if not proven and len(case.request.body) <= MAX_PAIRED_BYTES:
            proven, more = _in_pairs(case)
            tried += more
    found = [*proven, *blocked, *provider_findings(case), *header_findings(case), *secret_findings(case)]
    if not proven:
        is_told = any(finding.cause in _NOTHING_TO_VERIFY for finding in found)
        found += [*body_findings(case), *url_findings(case), *(() if is_told else (_unknown(case, verdict),))]
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.certainty])), tried


# With one of these there is no signature whose mistake could be guessed.
_NOTHING_TO_VERIFY = frozenset(
    {Cause.BODY_TRUNCATED, Cause.CERTIFICATE, Cause.HEADER_MISSING, Cause.NO_CREDENTIAL, Cause.OTHER_PROVIDER}
)


_ORDER = {Certainty.PROVEN: 0, Certainty.LIKELY: 1, Certainty.POSSIBLE: 2}


def _alone(case: Case) -> tuple[Sequence[Finding], int]:
    """The findings of single mistakes: the first of each cause, nearest first."""
    found: dict[Cause, Finding] = {}
    tried = 0
    for trials in _ALONE:
        for trial in islice(trials(case), MAX_TRIALS):
            if trial.cause in found:
                continue
            tried += 1
            verdict = trial.case.judge()
            if not fits(verdict):
                continue
            found[trial.cause] = trial.finding()
            if not verdict.accepted:
                for late in clock_findings(trial.case, Certainty.PROVEN, verdict.detail):
                    found.setdefault(Cause.CLOCK, late)
    return tuple(found.values()), tried


def _in_pairs(case: Case) -> tuple[Sequence[Finding], int]:
    tried = 0
    for outer, inner in _PAIRS:
        for first in islice(outer(case), MAX_TRIALS):
            for second in inner(first.case):
                if tried >= MAX_PAIRS:
                    return (), tried
                tried += 1
                if fits(second.case.judge()):
                    return (first.finding(), second.finding()), tried
    return (), tried


def _accepted(case: Case, verdict: Verdict) -> Finding:
    if verdict.handshake is not None:
        return Finding(
            Cause.HANDSHAKE,
            Certainty.PROVEN,
            f"It is the handshake {verdict.handshake.id} of {case.provider.name}, and would be answered now.",
            f"Let {case.provider.name} ask once more: it usually has a button to verify the URL.",
        )
    return Finding(
        Cause.ACCEPTED_NOW,
        Certainty.PROVEN,
        "With the source as it is now, this request verifies: what was wrong has been put right since."
        if case.source is not None
        else "This request verifies with what was given.",
        f"Let {case.provider.name} send it again; a rejected request was not stored as an event."
        if case.source is not None
        else "If the gateway refuses it, the source is set up otherwise: compare the two.",
        hints=() if case.source is not None else [case.hint("show_source")],
    )


def _unknown(case: Case, verdict: Verdict) -> Finding:
    name = case.provider.name
    if verdict.reason is Reason.BODY_TOO_LARGE:
        return Finding(
            Cause.NOT_A_SIGNATURE,
            Certainty.PROVEN,
            f"It was not verified: {verdict.detail}.",
            f"Let {name} send less at once. If it is ordinary for it, its entry needs more unverified_bytes.",
        )
    if verdict.reason in (Reason.SIGNATURE_MISSING, Reason.TIMESTAMP_MISSING):
        return Finding(
            Cause.HEADER_MISSING,
            Certainty.POSSIBLE,
            f"Nothing to verify was found in the request: {verdict.detail}.",
            f"See that signing is turned on at {name}, and that the source is for the product that calls.",
        )
    return Finding(
        Cause.WRONG_CREDENTIAL,
        Certainty.LIKELY if verdict.reason is Reason.SIGNATURE_MISMATCH else Certainty.POSSIBLE,
        f"No known mistake explains it ({verdict.detail}): most likely {name} signs with a secret that this "
        "installation does not have, or the body was changed in a way that cannot be undone.",
        f"Copy the secret once more from {name}, for exactly this URL. If it still fails, catch a request before the "
        "proxy and after it, and compare the bytes.",
    )
