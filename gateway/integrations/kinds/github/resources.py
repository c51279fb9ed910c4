"""Repositories, issues and pull requests of GitHub as the port that a sync reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.clients.errors import PositionExpired, RemoteConflict, RemoteNotFound, RequestRefused
from gateway.clients.paging.styles import LinkHeader, Page
from gateway.clients.systems.github import PAGE_SIZE, GitHub
from gateway.entities.external import Abilities, Cursor, FieldRule, Mapped, Outgoing, Position, Raw, RemotePage
from gateway.integrations.kinds.github.entities import (
    ISSUE,
    PULL_REQUEST,
    REPOSITORY_ENTITY,
    mark_in,
    of_repository,
    reader_of,
    split_id,
    with_mark,
)
from gateway.integrations.kinds.github.lists import RepositoryList, parts
from gateway.integrations.kinds.read_only import ReadOnly
from gateway.integrations.kinds.rest.writing import RecordWriter, rules_of
from gateway.integrations.kinds.sinces import written
from gateway.providers.api.model import Paging, Resource, Write

REPOSITORIES_A_PAGE: Final = 20
PAGES_TO_FIND: Final = 3
"""How many pages of the newest issues are looked through for one that a create may have made."""


class Repositories(ReadOnly):
    """The integration's repositories, one call for each."""

    name = "repositories"
    kind = REPOSITORY_ENTITY.kind
    abilities = Abilities(looks_up=True)

    def __init__(self, github: GitHub, repositories: Sequence[str]) -> None:
        self._github = github
        self._repositories = list(repositories)
        self._reader = reader_of(REPOSITORY_ENTITY)

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        begin = 0 if at is None else at.get("index")
        if not isinstance(begin, int) or begin < 0:
            raise PositionExpired("what the sync was to go on from cannot be read")
        for index in range(begin, max(len(self._repositories), 1), REPOSITORIES_A_PAGE):
            some = self._repositories[index : index + REPOSITORIES_A_PAGE]
            found = [self._one(name) for name in some]
            following = index + REPOSITORIES_A_PAGE
            yield RemotePage(
                records=[one for one in found if one is not None],
                next={"index": following} if following < len(self._repositories) else None,
                requests=len(some),
            )

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        return self._reader.identify(raw)

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        return self._reader.read(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says."""
        return {one: self._one(one) if one in self._repositories else None for one in ids}

    def _one(self, name: str) -> Raw | None:
        try:
            return of_repository(self._github.http.json("GET", "/repos/{owner}/{repo}", parts(name)), name)
        except RemoteNotFound:
            return None


class Issues(RepositoryList):
    """Issues, both ways. GitHub binds no write to a version: whether an issue changed is looked at right before."""

    name = "issues"
    single = "/repos/{owner}/{repo}/issues/{number}"
    # What is changed while the list is read moves to its end, and others into its place.
    abilities = Abilities(
        is_incremental=True,
        shifts=True,
        looks_up=True,
        writes=frozenset({"create", "update"}),
        finds=True,
        is_conditional=True,
    )

    def __init__(self, github: GitHub, repositories: Sequence[str]) -> None:
        super().__init__(github, repositories, ISSUE)
        self._writer = RecordWriter(ISSUE)
        self.fields: Mapping[str, FieldRule] = rules_of(ISSUE, _WRITABLE)

    def counts(self, record: Any) -> bool:
        """Pull requests are in the list of issues too."""
        return not isinstance(record, Mapping) or "pull_request" not in record

    def find(self, outgoing: Outgoing) -> Raw | None:
        """As the port says: by the mark that the create put into the text."""
        repository = self._repository_of(outgoing)
        query = {"state": "all", "sort": "created", "direction": "desc", "per_page": PAGE_SIZE}
        pages = self._github.http.pages(
            "/repos/{owner}/{repo}/issues", parts(repository), style=LinkHeader(), query=query
        )
        for number, page in enumerate(pages, 1):
            for raw in page.records:
                if isinstance(raw, Mapping) and mark_in(raw.get("body")) == outgoing.idempotency_key:
                    return of_repository(raw, repository)
            if number == PAGES_TO_FIND:
                break
        return None

    def create(self, outgoing: Outgoing) -> Raw:
        """As the port says."""
        repository = self._repository_of(outgoing)
        given = self._writer.created(outgoing)
        state = given.pop("state", "open")
        given["body"] = with_mark(given.get("body"), outgoing.idempotency_key)
        if not isinstance(given.get("title"), str) or not given["title"]:
            raise RequestRefused("an issue needs a title")
        issue = self._github.create_issue(repository, given.pop("title"), **given)
        if state == "closed":
            issue = self._github.update_issue(repository, issue.number, state="closed")
        return of_repository(issue.record, repository)

    def update(self, outgoing: Outgoing) -> Raw | None:
        """As the port says."""
        place = split_id(outgoing.integration_id or "")
        if place is None or place[0] not in self._repositories:
            raise RemoteNotFound("this issue is of no repository of the integration")
        if outgoing.version is not None:
            raw = self._one(*place)
            if raw is None:
                raise RemoteNotFound("this issue is gone")
            if self.map(raw).version != outgoing.version:
                raise RemoteConflict("the issue changed meanwhile")
        issue = self._github.update_issue(*place, **self._writer.changed(outgoing))
        return of_repository(issue.record, place[0])

    def delete(self, outgoing: Outgoing) -> None:
        """GitHub's REST API deletes no issue."""
        raise RequestRefused("GitHub deletes no issues by its API: close it instead")

    def _asked(self, since: datetime | None) -> tuple[str, Mapping[str, object]]:
        asked = {"direction": "asc"} | ({"since": written(since.replace(microsecond=0))} if since is not None else {})
        return "/repos/{owner}/{repo}/issues", asked

    def _repository_of(self, outgoing: Outgoing) -> str:
        """Where a new issue goes."""
        named = outgoing.attributes.get("repository") or outgoing.fields.get("repository")
        if named is None and len(self._repositories) == 1:
            return self._repositories[0]
        wanted = str(named).lower()
        if wanted not in self._repositories:
            raise RequestRefused(f"say by `repository` where the issue goes: one of {', '.join(self._repositories)}")
        return wanted


class PullRequests(RepositoryList, ReadOnly):
    """Pull requests. What changed is read from the newest on, until what is known already."""

    name = "pull_requests"
    single = "/repos/{owner}/{repo}/pulls/{number}"
    abilities = Abilities(is_incremental=True, shifts=True, looks_up=True)

    def __init__(self, github: GitHub, repositories: Sequence[str]) -> None:
        super().__init__(github, repositories, PULL_REQUEST)

    def _asked(self, since: datetime | None) -> tuple[str, Mapping[str, object]]:
        return "/repos/{owner}/{repo}/pulls", {"direction": "asc" if since is None else "desc"}

    def _is_end(self, page: Page, since: datetime | None) -> bool:
        if since is None:
            return False
        instants = [self._reader.updated_at(raw) for raw in page.records]
        return any(at is not None and at < since for at in instants)


_WRITABLE = Resource(path="", records="@", id="id", paging=Paging("single"), writes={"update": Write("PATCH", "/{id}")})
