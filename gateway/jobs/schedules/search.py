"""Finding schedules. A tenant sees its own; the installation's own are seen by those only who act for no tenant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from gateway.db.model import SYSTEM
from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import Hint, NotFound
from gateway.jobs.models import Schedule
from gateway.jobs.schedules.summary import ScheduleState, ScheduleSummary, summary
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting, SystemActing


@dataclass(frozen=True, slots=True)
class ScheduleSearch:
    """What holds for the schedules of a list; None for whatever it may be."""

    state: ScheduleState | None = None
    kind: str | None = None


ALL = ScheduleSearch()


def find_schedules(
    acting: Acting | SystemActing, page: PageRequest, search: ScheduleSearch = ALL
) -> Page[ScheduleSummary]:
    """A page of schedules, oldest first. Raises `InvalidInput`."""
    statement = select(Schedule)
    if search.state is not None:
        statement = statement.where(Schedule.is_paused == (search.state is ScheduleState.PAUSED))
    if search.kind is not None:
        statement = statement.where(Schedule.kind == search.kind)
    found = page_of(acting.session, statement, Schedule.id, page)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_schedule(acting: Acting | SystemActing, name: str) -> ScheduleSummary:
    """One schedule by its name or id. Raises `NotFound`."""
    return summary(find_row(acting, name))


def find_row(acting: Acting | SystemActing, name: str) -> Schedule:
    """The row of a schedule, locked in a writing transaction. Who acts for no tenant finds those of all by their ids,
    and the installation's own by their names. Raises `NotFound`.
    """
    named = Schedule.name == name
    if isinstance(acting, SystemActing):
        named &= Schedule.tenant_id == SYSTEM
    statement = select(Schedule).where(or_(named, Schedule.id == name))
    found = acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
    if found is None:
        raise NotFound(f"there is no schedule {name!r}", suggest(name, _names(acting), Hint("list_schedules")))
    return found


def _names(acting: Acting | SystemActing) -> list[str]:
    known = select(Schedule.name).limit(1000)
    if isinstance(acting, SystemActing):
        known = known.where(Schedule.tenant_id == SYSTEM)
    return list(acting.session.scalars(known))
