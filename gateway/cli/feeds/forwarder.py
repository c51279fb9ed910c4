"""Letting events come to a server on which somebody develops: each is posted, and a line tells what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import click

from gateway.cli.feeds.feed import Ended, Lost, Ready, Typed, Unreadable
from gateway.cli.invocation import Invocation
from gateway.cli.terminal.bodies import pretty
from gateway.cli.terminal.output import note, print_json_line, printable, show
from gateway.clock import iso
from gateway.delivery.forwarded import ForwardedEvent
from gateway.outgoing.local_server import LocalReply, NotAnswered, post
from gateway.security.redaction import redact_url

AGAIN = "again"
SHOWN_BYTES = 200
ERRORS_FROM = 400


@dataclass(slots=True)
class Counts:
    """What became of events."""

    answered: int = 0
    refused: int = 0
    unanswered: int = 0


class Forwarder:
    """Does with each piece of news what is to be done, and tells."""

    def __init__(self, invocation: Invocation, url: str | None, *, prints: bool) -> None:
        self._invocation = invocation
        self._url = url
        self._prints = prints
        self._last: ForwardedEvent | None = None
        self._attempts = 0
        self._is_down = False
        self._was_ready = False
        self._counts = Counts()

    def take(self, news: object) -> None:
        """Raises what a feed ended with."""
        match news:
            case ForwardedEvent():
                self._last, self._attempts = news, 0
                self._forward(news)
            case Typed(line):
                self._typed(line)
            case Ready():
                note("Connected again; nothing was left out." if self._was_ready else self._greeting())
                self._was_ready = True
            case Lost(why):
                note(f"The gateway cannot be read: {why}. Trying again…")
            case Unreadable(event_id, why):
                note(f"{event_id} was left out: {why}")
            case Ended(error):
                raise error

    def summary(self) -> str:
        """What was done, in a line."""
        counts = self._counts
        parts = [f"{counts.answered + counts.refused + counts.unanswered} posted"]
        parts += [f"{counts.refused} answered with an error"] if counts.refused else []
        parts += [f"{counts.unanswered} not answered"] if counts.unanswered else []
        return "Ended: " + ", ".join(parts) + "." if self._url is not None else "Ended."

    def _greeting(self) -> str:
        if self._url is None:
            return "Listening; Ctrl-C ends it."
        where = redact_url(self._url)
        return f'Listening: new events go to {where}. "again" and Enter posts the last one again; Ctrl-C ends it.'

    def _typed(self, line: str) -> None:
        if line.lower() == AGAIN and self._last is not None:
            self._forward(self._last)
        elif line.lower() == AGAIN:
            note("No event came yet.")
        elif line:
            note('Type "again" to post the last event again; Ctrl-C ends it.')

    def _forward(self, event: ForwardedEvent) -> None:
        self._attempts += 1
        if self._url is None:
            self._tell(event, None, None, 0.0)
            return
        began = time.monotonic()
        headers = (*event.headers, ("gateway-attempt", str(self._attempts)))
        try:
            reply, fault = post(self._url, headers, event.body), None
        except NotAnswered as error:
            reply, fault = None, error
        self._count(reply)
        self._tell(event, reply, fault, (time.monotonic() - began) * 1000)
        if fault is not None and fault.is_down and not self._is_down:
            note('Start your server, and type "again" for this one; events that come meanwhile are in the journal.')
        self._is_down = fault is not None and fault.is_down

    def _count(self, reply: LocalReply | None) -> None:
        if reply is None:
            self._counts.unanswered += 1
        elif reply.status >= ERRORS_FROM:
            self._counts.refused += 1
        else:
            self._counts.answered += 1

    def _tell(self, event: ForwardedEvent, reply: LocalReply | None, fault: NotAnswered | None, took_ms: float) -> None:
        now = iso(self._invocation.now())
        if self._invocation.as_json:
            told: dict[str, object] = {"event_id": event.id, "source": event.source, "type": event.type, "at": now}
            told |= {"attempt": self._attempts, "status": None if reply is None else reply.status}
            told |= {"error": None if fault is None else str(fault), "duration_ms": round(took_ms)}
            print_json_line(told | ({"body": event.body.decode("utf-8", "replace")} if self._prints else {}))
            return
        outcome = f"{reply.status} {reply.phrase}" if reply is not None else "-" if fault is None else f"{fault}"
        line = (now, "POST", show(event.type), outcome.strip(), f"{took_ms:.0f} ms", event.source, event.id)
        click.echo("\t".join(printable(part) for part in line))
        if self._prints:
            click.echo(pretty(event.body) if event.body else "[empty]")
        if reply is not None and reply.status >= ERRORS_FROM and reply.body:
            note(f"  | {printable(reply.body[:SHOWN_BYTES].decode('utf-8', 'replace'))}")
