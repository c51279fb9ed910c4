"""A list that each repository has, read one repository after the other: issues, pull requests.

A position has the repository and the page's URL there; a cursor has the newest change by repository, in GitHub's time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.clients.errors import CircuitOpen, IntegrationError, PositionExpired, RemoteNotFound
from gateway.clients.paging.styles import LinkHeader, Page, PageRequest
from gateway.clients.systems.github import PAGE_SIZE, GitHub
from gateway.entities.external import Cursor, FieldRule, Mapped, Position, Raw, RemotePage
from gateway.integrations.kinds.github.entities import of_repository, reader_of, split_id, without_mark
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.sinces import later, read_each, write_each

OVERLAP: Final = timedelta(seconds=60)
"""How far an incremental reading goes back before the newest change that was seen: lists lag."""


@dataclass(slots=True)
class _Place:
    """Where a reading is: the repository, the page there, and what is known of the next cursor."""

    index: int = 0
    url: str | None = None
    newest: dict[str, datetime] = field(default_factory=dict)


class RepositoryList(ABC):
    """The base of both lists. `single` is where one record is."""

    name: str
    single: str
    default_rule = FieldRule()

    def __init__(self, github: GitHub, repositories: Sequence[str], entity: EntityDescription) -> None:
        self.kind = entity.kind
        self._github = github
        self._repositories = list(repositories)
        self._reader = reader_of(entity)

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        since = read_each(cursor.get("since")) if cursor is not None else {}
        place = self._place(at, since)
        for index in range(place.index, len(self._repositories)):
            repository = self._repositories[index]
            start = PageRequest(url=place.url) if place.url is not None and index == place.index else None
            for page in self._read(repository, since.get(repository), start):
                yield self._page(page, index, place.newest)

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        return self._reader.identify(raw)

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        return without_mark(self._reader.read(raw))

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says; one call for each. What is of no repository of the integration is left out."""
        found: dict[str, Raw | None] = {}
        for one in ids:
            place = split_id(one)
            if place is None:
                found[one] = None
            elif place[0] in self._repositories:
                try:
                    found[one] = self._one(*place)
                except CircuitOpen:
                    break
                except IntegrationError as error:
                    if not error.retryable:
                        raise
        return found

    def counts(self, record: Any) -> bool:
        """Whether a record of the list is one of these."""
        return True

    def _one(self, repository: str, number: int) -> Raw | None:
        """A record; None for one that is gone, also to another repository, where it has another number."""
        try:
            raw = self._github.http.json("GET", self.single, {**parts(repository), "number": number})
        except RemoteNotFound:
            return None
        is_same = isinstance(raw, Mapping) and raw.get("number") == number and self.counts(raw)
        return of_repository(raw, repository) if is_same else None

    @abstractmethod
    def _asked(self, since: datetime | None) -> tuple[str, Mapping[str, object]]:
        """Path and query of the list."""

    def _is_end(self, page: Page, since: datetime | None) -> bool:
        """Whether what comes after the page is known already."""
        return False

    def _is_meant(self, record: Any, since: datetime | None) -> bool:
        """Whether a record is one of these, and not known already."""
        at = self._reader.updated_at(record) if since is not None else None
        return self.counts(record) and (at is None or since is None or at >= since)

    def _read(self, repository: str, since: datetime | None, start: PageRequest | None) -> Iterator[Page]:
        begin = None if since is None else since - OVERLAP
        path, query = self._asked(begin)
        asked = {"per_page": PAGE_SIZE, "state": "all", "sort": "updated", **query}
        try:
            for page in self._github.http.pages(path, parts(repository), style=LinkHeader(), query=asked, start=start):
                is_end = self._is_end(page, begin)
                records = [of_repository(raw, repository) for raw in page.records if self._is_meant(raw, begin)]
                yield Page(page.request, page.answer, records, None if is_end else page.following)
                if is_end:
                    return
        except RemoteNotFound as error:
            if start is None:
                raise
            raise PositionExpired("GitHub does not know the page to go on from any more", call=error.call) from error

    def _page(self, page: Page, index: int, newest: dict[str, datetime]) -> RemotePage:
        repository = self._repositories[index]
        for raw in page.records:
            if (at := later(newest.get(repository), self._reader.updated_at(raw))) is not None:
                newest[repository] = at
        is_last = page.following is None and index + 1 == len(self._repositories)
        following = None
        if page.following is not None:
            following = {"repository": repository, "url": page.following.url, "newest": write_each(newest)}
        elif not is_last:
            following = {"repository": self._repositories[index + 1], "url": None, "newest": write_each(newest)}
        cursor = {"since": write_each(newest)} if is_last else None
        return RemotePage(records=page.records, next=following, cursor=cursor, requests=page.answer.tries)

    def _place(self, at: Position | None, since: Mapping[str, datetime]) -> _Place:
        if at is None:
            return _Place(newest={name: one for name, one in since.items() if name in self._repositories})
        repository, url = at.get("repository"), at.get("url")
        if repository not in self._repositories or not isinstance(url, str | None):
            raise PositionExpired("the repository that the sync was at is none of the integration's any more")
        return _Place(self._repositories.index(repository), url, read_each(at.get("newest")))


def parts(repository: str) -> dict[str, object]:
    """Owner and name, as paths have them."""
    owner, _, name = repository.partition("/")
    return {"owner": owner, "repo": name}
