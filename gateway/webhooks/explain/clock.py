"""Mistakes with time: clocks that differ, times in the wrong unit or zone, requests that were held up or sent again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

from gateway.errors import Hint
from gateway.providers.webhook.model import Scheme
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected
from gateway.webhooks.verification.signatures import candidates_of
from gateway.webhooks.verification.timestamps import parse
from gateway.webhooks.verification.values import first_text

# Beyond this a number of seconds is one of milliseconds: the year 5138.
MILLISECONDS_FROM = 1e11
HOUR_SECONDS = 3600.0
QUARTER_SECONDS = 900.0


def signed_at(case: Case, scheme: Scheme) -> tuple[str, float] | None:
    """The time that the request names, as text and in seconds since the epoch; None when it names none."""
    reading = Reading(case.request, case.credentials, case.now)
    reading.strict = False
    timestamp = scheme.timestamp
    if timestamp is None:
        return None
    try:
        if scheme.signature is not None and any(place.kind == "field" for place in timestamp.places):
            candidates_of(scheme.signature)(reading)
        text = first_text(timestamp.places)(reading)
    except Rejected:
        return None
    seconds = parse(text, timestamp.unit) if text else None
    return (text, seconds) if text and seconds is not None else None


def clock_findings(case: Case, certainty: Certainty, detail: str) -> Iterator[Finding]:
    """What is wrong with the time of a request whose signature fits; `detail` is verification's own sentence."""
    for scheme in case.schemes():
        found = signed_at(case, scheme)
        if found is None or scheme.timestamp is None:
            continue
        _text, seconds = found
        tolerance = scheme.timestamp.tolerance_seconds or 0.0
        if abs(case.now - seconds) <= tolerance:
            continue
        yield _finding(case, scheme, seconds, tolerance, certainty)
        return
    yield Finding(
        Cause.CLOCK,
        certainty,
        f"The signature fits, but {detail}.",
        "Compare the clocks of the two machines (`date -u` against any time server), and let NTP keep this one.",
    )


def unit_of(seconds: float, unit: str) -> str | None:
    """The unit that a number is really in, when that is not `unit`."""
    if unit == "seconds" and seconds >= MILLISECONDS_FROM:
        return "milliseconds"
    if unit == "milliseconds" and seconds < MILLISECONDS_FROM / 1000 / 50:
        return "seconds"
    return None


def _finding(case: Case, scheme: Scheme, seconds: float, tolerance: float, certainty: Certainty) -> Finding:
    unit = scheme.timestamp.unit if scheme.timestamp is not None else ""
    other = unit_of(seconds, unit)
    if other is not None:
        return Finding(
            Cause.CLOCK,
            certainty,
            f"The signature fits, but its time is in {other}; {case.provider.name} writes {unit}.",
            f"If the sender is a program of yours, let it write {unit} since 1970.",
        )
    age = case.now - seconds
    sentence = (
        f"The signature fits, but it was made {duration(abs(age))} "
        f"{'before' if age > 0 else 'after'} {'the request came' if case.is_dated else 'now'}; "
        f"{duration(tolerance)} are allowed."
    )
    hints = () if case.is_dated else (Hint("give_time"),)
    witnesses = _witnesses(case, seconds, age)
    return Finding(Cause.CLOCK, certainty, sentence, _remedy(case, age, tolerance), witnesses, hints)


def _remedy(case: Case, age: float, tolerance: float) -> str:
    if not case.is_dated:
        return "It was judged as if it came now; if it came earlier, say when."
    hours = round(age / QUARTER_SECONDS) * QUARTER_SECONDS
    if abs(age) > HOUR_SECONDS / 2 and abs(age) <= 14 * HOUR_SECONDS and abs(age - hours) < 30:
        return (
            f"{duration(abs(hours))} is a time zone: one of the two writes local time as if it were UTC. Set this "
            "machine to UTC and NTP, or let the sender sign with UTC."
        )
    if age < 0:
        return "This machine's clock is behind, or the sender's ahead: let NTP keep both (`timedatectl` shows ours)."
    if age < 24 * HOUR_SECONDS and age < 20 * tolerance + HOUR_SECONDS:
        return (
            "Either this machine's clock is ahead (`timedatectl` shows it), or the request was held up on the way: "
            "in a queue, a tunnel, or a retry that keeps the old signature."
        )
    return "This is an old request, sent again with its old signature: let the provider send it anew."


def _witnesses(case: Case, seconds: float, age: float) -> Sequence[str]:
    """What the request's own Date header says: whose clock it is that differs."""
    date = case.header("date")
    if date is None:
        return ()
    try:
        sent = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return ()
    if abs(sent - seconds) < 60 <= abs(age):
        return ("its Date header agrees with its signature: the clocks of the two machines differ",)
    if abs(sent - case.now) < 60:
        return ("its Date header agrees with this machine's clock: it was signed long before it was sent",)
    return ()


def duration(seconds: float) -> str:
    """A length of time for people: `47 s`, `6 min`, `2 h 3 min`, `5 d`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * HOUR_SECONDS:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 and whole < 600 else "")
    if whole < 48 * HOUR_SECONDS:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")
    return f"{whole // 86400} d"
