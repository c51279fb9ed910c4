"""Options that every command takes, also before the command's name, and the values that options are written in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from gateway.durations import parse_duration

Command = TypeVar("Command", bound=Callable[..., Any])

TENANT = "gateway.tenant"
AS_JSON = "gateway.as_json"


def common_options(command: Command) -> Command:
    """`--tenant` and `--json`, wherever on the command line they stand."""
    tenant = click.option(
        "--tenant", metavar="SLUG", expose_value=False, callback=_remember(TENANT), help="Whose data; else `default`."
    )
    as_json = click.option(
        "--json", is_flag=True, expose_value=False, callback=_remember(AS_JSON), help="JSON on standard output."
    )
    return tenant(as_json(command))


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value:
            ctx.meta[name] = value

    return callback


class Duration(click.ParamType[timedelta]):
    """`90s`, `30m`, `24h`, `7d`, `1h30m`, or `0`, as a `timedelta`; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = parse_duration(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 30m, 24h or 7d", param, ctx)
        return found


class TimeOrAge(click.ParamType[datetime | timedelta]):
    """A time in the past: an age such as `1h`, or an ISO 8601 date or time (UTC unless it says otherwise)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        if isinstance(value, datetime | timedelta):
            return value
        age = parse_duration(str(value)) if not str(value).isdigit() else None
        if age is not None:
            return age
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither an age such as 1h nor a time such as 2026-05-01T12:00", param, ctx)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Pair(click.ParamType[tuple[str, str]]):
    """Two texts joined by `separator`: `Name: value` or `name=value`. What is wrong is said without the value."""

    name = "pair"

    def __init__(self, separator: str) -> None:
        self._separator = separator

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, found, text = str(value).partition(self._separator)
        if not found or not name.strip():
            self.fail(f"must be written NAME{self._separator}VALUE", param, ctx)
        return name.strip(), text.strip()


def to_time(value: datetime | timedelta | None, now: datetime) -> datetime | None:
    """What a `TimeOrAge` means at `now`."""
    return now - value if isinstance(value, timedelta) else value
