"""Options that choose events, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import click

from gateway.cli.terminal.options import Pair, to_time
from gateway.cli.terminal.paging import time_options
from gateway.delivery.event_status import EventStatus
from gateway.delivery.looked_for import LookedFor
from gateway.events.search import EventFilter

source_option = click.option("--source", help="Only of this source.")
type_option = click.option("--type", "type_", metavar="PATTERN", help="Only of this type; * and ? stand for anything.")
_status_option = click.option(
    "--status", type=click.Choice([status.value for status in EventStatus]), help="What became of them."
)


@dataclass(frozen=True, slots=True)
class EventChoice:
    """What was given; None means any."""

    source: str | None
    type: str | None
    status: EventStatus | None
    since: datetime | timedelta | None
    until: datetime | timedelta | None

    def __bool__(self) -> bool:
        return any((self.source, self.type, self.status, self.since is not None, self.until is not None))

    def filter(self, now: datetime) -> EventFilter:
        """The same but for the status, with ages counted from `now`."""
        return EventFilter(self.source, self.type, to_time(self.since, now), to_time(self.until, now))


def with_looked_for(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a command: it takes `--contains --id --header --where`, as its argument `inside`."""

    @click.option("--contains", metavar="WORDS", help="Only those whose body or dedupe key has all of these words.")
    @click.option("--id", "vendor_id", metavar="ID", help="Only the one that its vendor calls so.")
    @click.option(
        "--header", "headers", metavar="NAME=VALUE", type=Pair("="), multiple=True, help="Only with this header, whole."
    )
    @click.option("--where", metavar="JMESPATH", help="Only those whose body it holds for, as in a route.")
    @wraps(command)
    def run(
        *args: Any,
        contains: str | None,
        vendor_id: str | None,
        headers: tuple[tuple[str, str], ...],
        where: str | None,
        **kwargs: Any,
    ) -> Any:
        return command(*args, inside=LookedFor(contains, vendor_id, headers, where), **kwargs)

    return run


def with_event_choice(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a command: it takes `--source --type --status --since --until`, as its argument `choice`."""

    @source_option
    @type_option
    @_status_option
    @time_options
    @wraps(command)
    def run(
        *args: Any,
        source: str | None,
        type_: str | None,
        status: str | None,
        since: datetime | timedelta | None,
        until: datetime | timedelta | None,
        **kwargs: Any,
    ) -> Any:
        choice = EventChoice(source, type_, None if status is None else EventStatus(status), since, until)
        return command(*args, choice=choice, **kwargs)

    return run
