"""GitHub's repositories, issues and pull requests in memory, as its REST API gives them (shapes: docs.github.com)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.services.json_server import Asked, Said

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class GitHubApi:
    """By repository its issues and pull requests, by number. `clock` is when the next change is."""

    token: str
    issues: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    pulls: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    clock: datetime = BEGINNING
    writes: list[tuple[str, str, Any]] = field(default_factory=list)
    lost_answers: int = 0

    def now(self) -> str:
        self.clock += timedelta(minutes=1)
        return self.clock.strftime("%Y-%m-%dT%H:%M:%SZ")

    def add_repository(self, name: str) -> None:
        self.issues[name], self.pulls[name] = {}, {}

    def add(self, repository: str, title: str, *, is_pull: bool = False, **more: Any) -> dict[str, Any]:
        now = self.now()
        number = len(self.issues[repository]) + 1
        record = {
            "id": 1000 + number,
            "node_id": f"N_{number}",
            "number": number,
            "title": title,
            "body": None,
            "state": "open",
            "labels": [],
            "assignees": [],
            "user": {"login": "octocat"},
            "html_url": f"https://github.com/{repository}/issues/{number}",
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
            **more,
        }
        if is_pull:
            pull = {**record, "draft": False, "merged_at": None, "head": {"ref": "topic", "sha": "a" * 40}}
            self.pulls[repository][number] = {**pull, "base": {"ref": "main"}}
            record["pull_request"] = {"url": "https://api.github.com/…"}
        self.issues[repository][number] = record
        return record

    def touch(self, record: dict[str, Any], **changes: Any) -> None:
        record.update(changes, updated_at=self.now())

    def __call__(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            told = f"Bad credentials {asked.headers.get('authorization')}"
            return Said(401, {"message": told, "documentation_url": "https://docs.github.com/rest"})
        _, owner, name, *rest = asked.path.strip("/").split("/")
        repository = f"{owner}/{name}".lower()
        if repository not in self.issues:
            return Said(404, {"message": "Not Found"})
        if not rest:
            return Said(200, _repository(repository), {"X-RateLimit-Remaining": "4999"})
        records = (self.issues if rest[0] == "issues" else self.pulls)[repository]
        if len(rest) == 1:
            return self._list(asked, list(records.values())) if asked.method == "GET" else self._make(asked, repository)
        record = records.get(int(rest[1]))
        if record is None:
            return Said(410 if rest[0] == "issues" else 404, {"message": "This issue was deleted"})
        if asked.method == "PATCH":
            self.writes.append(("PATCH", asked.path, asked.document))
            self.touch(record, **_stored(asked.document))
        return Said(200, record)

    def _make(self, asked: Asked, repository: str) -> Said:
        self.writes.append(("POST", asked.path, asked.document))
        made = self.add(repository, **_stored(asked.document))
        if self.lost_answers > 0:
            self.lost_answers -= 1
            return Said(502, {"message": "Server Error"})
        return Said(201, made)

    def _list(self, asked: Asked, records: list[dict[str, Any]]) -> Said:
        query = asked.query
        key = "created_at" if query.get("sort") == "created" else "updated_at"
        records.sort(key=lambda one: (one[key], one["number"]), reverse=query.get("direction", "desc") == "desc")
        found = [one for one in records if one["updated_at"] >= query.get("since", "")]
        page, size = int(query.get("page", 1)), int(query["per_page"])
        headers = {}
        if len(found) > page * size:
            following = f"{asked.url}{asked.path}?{urlencode({**query, 'page': page + 1})}"
            headers["Link"] = f'<{following}>; rel="next"'
        return Said(200, found[(page - 1) * size : page * size], headers)


def _stored(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of what was sent."""
    kept = dict(given)
    if "labels" in kept:
        kept["labels"] = [{"name": name} for name in kept["labels"]]
    if "assignees" in kept:
        kept["assignees"] = [{"login": name} for name in kept["assignees"]]
    return kept


def _repository(name: str) -> dict[str, Any]:
    return {
        "id": 1,
        "node_id": "R_1",
        "full_name": name.title(),
        "private": False,
        "archived": False,
        "default_branch": "main",
        "description": None,
        "language": "Python",
        "topics": ["a"],
        "stargazers_count": 3,
        "open_issues_count": 1,
        "html_url": f"https://github.com/{name}",
        "pushed_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
