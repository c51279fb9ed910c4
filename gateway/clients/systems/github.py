"""GitHub's API with one set of credentials: repositories, issues, pull requests, commits, webhooks, and GraphQL.

github = GitHub(TokenAuth(installation(app_assertion("Iv23…", key), 17)))
for issue in github.issues("octo/hello", since=yesterday): ...
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.clients.auth.base import Auth, TokenSource, bearer
from gateway.clients.caching.cache import HttpCache
from gateway.clients.client import ApiClient
from gateway.clients.graphql import GraphQLClient
from gateway.clients.graphql_answers import GraphQLJudge
from gateway.clients.paging.styles import LinkHeader
from gateway.clients.systems import github_records as records
from gateway.clients.systems.github_limits import BASE_URL, HEADERS, GitHubJudge, SecondaryLimit, WritePace
from gateway.clients.systems.github_records import Comment, Commit, Hook, HookDelivery, Issue, PullRequest, Repository
from gateway.clients.values import Answer
from gateway.clock import Clock, SystemClock

PAGE_SIZE: Final = 100
WRITES_WAIT_SECONDS: Final = 60.0
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


class GitHub:
    """GitHub. Safe from any thread: writes go one after the other, reads at once.

    `credential` is a token, a source of them (`installation`), or an `Auth`. `base_url` is another one for a server of
    one's own (`https://github.example/api/v3`). `options` are those of `ApiClient`. Repositories are named owner/name.
    Every method raises `IntegrationError`, and `ValueError` for a name that can be none.
    """

    def __init__(
        self,
        credential: str | TokenSource | Auth | None = None,
        *,
        base_url: str = BASE_URL,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **options: Any,
    ) -> None:
        clock = clock or SystemClock()
        secondary = SecondaryLimit()
        judge = GitHubJudge(secondary)
        pace = WritePace(clock, sleep, longest_wait_seconds=WRITES_WAIT_SECONDS)
        self._turn = pace.turn
        given: dict[str, Any] = {
            "system": "github",
            "auth": bearer(credential) if credential is not None else None,
            "headers": HEADERS,
            "judge": judge,
            "clock": clock,
            "sleep": sleep,
        }
        # Asked each time, by ETag, which counts against no limit: the minute that GitHub allows would hide changes.
        cache = HttpCache(ttl_seconds=0, clock=clock)
        self.http = ApiClient(base_url, **{"cache": cache, **given, **options})
        # A client of its own: GitHub counts points of GraphQL apart, and one being used up does not stop the other.
        self.graphql = GraphQLClient(
            ApiClient(_graphql_url(base_url), **given | options),
            judge=GraphQLJudge(http=judge, waits=judge.graphql_waits),
            around_writes=pace.turn,
        )

    def __enter__(self) -> GitHub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()
        self.graphql.http.close()

    def repository(self, name: str) -> Repository:
        """One repository, also by a name that it had before."""
        return records.repository(self._get("/repos/{owner}/{repo}", _named(name)))

    def repositories(self, organization: str | None = None) -> Iterator[Repository]:
        """Those of an organization, else those that the user of the credentials can see."""
        if organization is not None:
            found = self._list("/orgs/{org}/repos", {"org": organization})
        else:
            found = self._list("/user/repos")
        return map(records.repository, found)

    def installation_repositories(self) -> Iterator[Repository]:
        """Those that the installation of an app can see."""
        return map(records.repository, self._list("/installation/repositories", records_at="repositories"))

    def issues(
        self,
        repository: str,
        *,
        since: datetime | None = None,
        state: str = "all",
        labels: Sequence[str] = (),
        with_pull_requests: bool = False,
    ) -> Iterator[Issue]:
        """Issues, the one that changed longest ago first. `since` includes what changed at that very second.

        Pull requests are issues too, and left out unless they are asked for. What is deleted is not told.
        """
        query = {
            "state": state,
            "labels": ",".join(labels) or None,
            "since": _written(since),
            "sort": "updated",
            "direction": "asc",
        }
        for found in self._list("/repos/{owner}/{repo}/issues", _named(repository), query):
            issue = records.issue(found)
            if with_pull_requests or not issue.is_pull_request:
                yield issue

    def issue(self, repository: str, number: int) -> Issue:
        """One issue. Raises `RemoteNotFound` also for one that was deleted or that one may not see."""
        return records.issue(self._get("/repos/{owner}/{repo}/issues/{number}", _named(repository, number=number)))

    def create_issue(
        self, repository: str, title: str, *, body: str | None = None, labels: Sequence[str] = (), **fields: object
    ) -> Issue:
        """A new issue; `fields` are further ones of GitHub's.

        GitHub takes no idempotency key: after an error whose call `may_have_happened`, look before it is tried again.
        """
        given = {"title": title, "body": body, "labels": list(labels) or None} | fields
        path = "/repos/{owner}/{repo}/issues"
        return records.issue(self._write("POST", path, _named(repository), _without_none(given)))

    def update_issue(self, repository: str, number: int, **fields: object) -> Issue:
        """Change `title`, `body`, `state`, `labels`, `assignees`, …; None is sent as null."""
        path = "/repos/{owner}/{repo}/issues/{number}"
        return records.issue(self._write("PATCH", path, _named(repository, number=number), fields))

    def create_comment(self, repository: str, number: int, body: str) -> Comment:
        """A new comment on an issue or a pull request."""
        path = "/repos/{owner}/{repo}/issues/{number}/comments"
        return records.comment(self._write("POST", path, _named(repository, number=number), {"body": body}))

    def pull_requests(
        self, repository: str, *, state: str = "all", base: str | None = None, head: str | None = None
    ) -> Iterator[PullRequest]:
        """Pull requests, the one that changed longest ago first; `head` is owner:branch."""
        query = {"state": state, "base": base, "head": head, "sort": "updated", "direction": "asc"}
        return map(records.pull_request, self._list("/repos/{owner}/{repo}/pulls", _named(repository), query))

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """One pull request."""
        path = "/repos/{owner}/{repo}/pulls/{number}"
        return records.pull_request(self._get(path, _named(repository, number=number)))

    def create_pull_request(
        self, repository: str, title: str, *, head: str, base: str, body: str | None = None, **fields: object
    ) -> PullRequest:
        """A new pull request from `head` into `base`. Raises `RemoteConflict` when there is one already."""
        given = _without_none({"title": title, "head": head, "base": base, "body": body} | fields)
        return records.pull_request(self._write("POST", "/repos/{owner}/{repo}/pulls", _named(repository), given))

    def commits(
        self,
        repository: str,
        *,
        sha: str | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Commit]:
        """Commits of a branch (`sha` is its name, or a commit), the newest first."""
        query = {"sha": sha, "path": path, "since": _written(since), "until": _written(until)}
        return map(records.commit, self._list("/repos/{owner}/{repo}/commits", _named(repository), query))

    def commit(self, repository: str, ref: str) -> Commit:
        """One commit, by its hash or by a branch or tag."""
        return records.commit(self._get("/repos/{owner}/{repo}/commits/{ref}", _named(repository, ref=ref)))

    def hooks(self, repository: str) -> Iterator[Hook]:
        """The webhooks of a repository."""
        return map(records.hook, self._list("/repos/{owner}/{repo}/hooks", _named(repository)))

    def create_hook(
        self, repository: str, url: str, *, secret: str, events: Sequence[str] = ("push",), active: bool = True
    ) -> Hook:
        """A new webhook that sends JSON, signed with `secret`. Raises `RemoteConflict` for a URL that has one."""
        config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        body = {"name": "web", "active": active, "events": list(events), "config": config}
        return records.hook(self._write("POST", "/repos/{owner}/{repo}/hooks", _named(repository), body))

    def delete_hook(self, repository: str, hook_id: int) -> None:
        """Take a webhook away."""
        self._write("DELETE", "/repos/{owner}/{repo}/hooks/{hook}", _named(repository, hook=hook_id))

    def ping_hook(self, repository: str, hook_id: int) -> None:
        """Have GitHub send the event `ping`."""
        self._write("POST", "/repos/{owner}/{repo}/hooks/{hook}/pings", _named(repository, hook=hook_id))

    def deliveries(self, repository: str, hook_id: int) -> Iterator[HookDelivery]:
        """What a webhook sent in the last days, the newest first."""
        path = "/repos/{owner}/{repo}/hooks/{hook}/deliveries"
        return map(records.delivery, self._list(path, _named(repository, hook=hook_id)))

    def redeliver(self, repository: str, hook_id: int, delivery_id: int) -> None:
        """Have an event sent again: it comes under the same `X-GitHub-Delivery`."""
        path = "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{delivery}/attempts"
        self._write("POST", path, _named(repository, hook=hook_id, delivery=delivery_id))

    def _get(self, path: str, parameters: Mapping[str, object]) -> Any:
        return self.http.json("GET", path, parameters, headers=HEADERS)

    def _list(
        self,
        path: str,
        parameters: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        *,
        records_at: str = "@",
    ) -> Iterator[Any]:
        asked = {"per_page": PAGE_SIZE, **(query or {})}
        return self.http.records(path, parameters, style=LinkHeader(), records=records_at, query=asked)

    def _write(
        self, method: str, path: str, parameters: Mapping[str, object], body: Mapping[str, object] | None = None
    ) -> Any:
        with self._turn():
            answer: Answer = self.http.request(method, path, parameters, json=body)
        return answer.document if answer.body else None


def _graphql_url(base_url: str) -> str:
    """Where GraphQL is answered: beside REST, and on a server of one's own beside its version."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/").removesuffix("/v3")
    return parts._replace(path=f"{path}/graphql").geturl()


def _named(repository: str, **more: object) -> dict[str, object]:
    if _NAME.fullmatch(repository) is None:
        raise ValueError(f"a repository is named owner/name, which {repository!r} is not")
    owner, _, repo = repository.partition("/")
    return {"owner": owner, "repo": repo} | more


def _written(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("a time has a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
