"""The type `github` over a system that behaves as GitHub's REST API does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.clients.errors import IntegrationError, RemoteConflict, RequestRefused
from gateway.integrations.kinds.github.kind import GitHubType
from gateway.integrations.type import NamedRecord, SourceEvent
from tests.services.github_api import GitHubApi
from tests.services.integration_types import ResourceCase, TypeCase, opened
from tests.services.json_server import json_server
from tests.services.type_contract import TypeContract, outgoing

TOKEN = "ghp_token_of_a_test"
REPOSITORIES = ["Octo/Hello", "octo/world", "octo/empty"]


@pytest.fixture
def api() -> GitHubApi:
    """Two repositories with issues, one of which needs two pages, and one without."""
    made = GitHubApi(TOKEN)
    for name in REPOSITORIES:
        made.add_repository(name.lower())
    for number in range(130):
        made.add("octo/hello", f"Issue {number}", is_pull=number % 10 == 0, body="as it is")
    made.add("octo/world", "Another")
    return made


@pytest.fixture
def case(api: GitHubApi, tmp_path: Path) -> Iterator[TypeCase]:
    kind = GitHubType()
    with json_server(api) as url:
        configuration = {"repositories": REPOSITORIES, "base_url": url}
        with opened(kind, configuration, {"token": TOKEN}, tmp_path) as instance:
            by_name = {one.name: one for one in kind.resources(instance)}
            created = {
                "repository": "octo/world",
                "title": "New",
                "body": "Text",
                "labels": ["a", "b"],
                "state": "open",
            }
            yield TypeCase(
                kind=kind,
                instance=instance,
                resources={
                    "repositories": ResourceCase(
                        resource=by_name["repositories"],
                        broken=({}, {"_repository": "a/b", "private": "perhaps"}),
                        pages=1,
                    ),
                    "issues": ResourceCase(
                        resource=by_name["issues"],
                        touch=lambda: touched(api, api.issues, 3),
                        create=created,
                        edit={"title": "Another title", "labels": ["c"]},
                        broken=({"_repository": "a/b"}, {"_repository": "a/b", "number": 1, "title": None}),
                    ),
                    "pull_requests": ResourceCase(
                        resource=by_name["pull_requests"],
                        touch=lambda: touched(api, api.pulls, 11),
                        broken=({"_repository": "a/b", "number": "one"},),
                    ),
                },
                secrets=(TOKEN,),
                refuse=lambda: refusing(api),
            )


def touched(api: GitHubApi, records: dict[str, dict[int, dict[str, Any]]], number: int) -> str:
    api.touch(records["octo/hello"][number], title="Changed")
    return f"octo/hello#{number}"


@contextmanager
def refusing(api: GitHubApi) -> Iterator[None]:
    api.token = "another"
    yield
    api.token = TOKEN


class TestGitHub(TypeContract):
    """What holds for each type."""


def test_a_create_whose_answer_was_lost_is_found_and_reads_as_it_was_written(case: TypeCase, api: GitHubApi) -> None:
    issues = case.resources["issues"]
    asked = outgoing(issues, fields=issues.create, attributes=issues.create, key="out_1")
    api.lost_answers = 1
    with pytest.raises(IntegrationError):
        issues.resource.create(asked)
    found = issues.resource.find(asked)
    assert found is not None
    assert issues.resource.map(found).attributes["body"] == "Text"
    assert issues.resource.map(found).integration_id == "octo/world#2"


def test_what_changed_since_it_was_read_is_not_overwritten(case: TypeCase, api: GitHubApi) -> None:
    issues = case.resources["issues"]
    raw = issues.resource.look_up(["octo/world#1"])["octo/world#1"]
    before = issues.resource.map(raw)
    api.touch(api.issues["octo/world"][1], title="Theirs")
    with pytest.raises(RemoteConflict):
        issues.resource.update(outgoing(issues, before, fields={"title": "Ours"}, attributes={"title": "Ours"}))
    assert api.writes == []


def test_a_new_issue_says_where_it_goes(case: TypeCase) -> None:
    issues = case.resources["issues"]
    with pytest.raises(RequestRefused, match="repository"):
        issues.resource.create(outgoing(issues, fields={"title": "A"}, attributes={"title": "A"}))


def test_pull_requests_are_no_issues_and_what_is_elsewhere_is_not_asked_for(case: TypeCase) -> None:
    issues = case.resources["issues"].resource
    assert issues.look_up(["octo/hello#1", "other/place#1"]) == {"octo/hello#1": None}


def test_many_repositories_are_pages_that_can_be_gone_on_with(case: TypeCase, api: GitHubApi) -> None:
    names = [f"octo/r{number}" for number in range(45)]
    for name in names:
        api.add_repository(name)
    [one] = case.kind.resources(replace(case.instance, configuration=configured(case, names)))
    pages = list(one.pages(None, None))
    assert [len(page.records) for page in pages] == [20, 20, 5]
    assert [one.identify(raw) for raw in next(one.pages(None, pages[1].next)).records] == names[40:]


def configured(case: TypeCase, names: list[str]) -> dict[str, Any]:
    return {**case.instance.configuration, "repositories": names, "resources": ["repositories"]}


def test_only_the_page_with_what_changed_is_read_of_pull_requests(case: TypeCase, api: GitHubApi) -> None:
    for number in range(250):
        api.add("octo/hello", f"Pull {number}", is_pull=True)
    pulls = case.resources["pull_requests"].resource
    cursor = list(pulls.pages(None, None))[-1].cursor
    api.touch(api.pulls["octo/hello"][200], title="Changed")
    pages = list(pulls.pages(cursor, None))
    assert len(pages) == len(REPOSITORIES)
    assert pages[0].records[0]["number"] == 200


@pytest.mark.parametrize(
    ("name", "event", "named"),
    [
        ("issues", {"action": "edited", "issue": {"number": 3}}, [NamedRecord("issues", "octo/hello#3")]),
        ("issues", {"action": "deleted", "issue": {"number": 3}}, [NamedRecord("issues", "octo/hello#3")]),
        (
            "issue_comment",
            {"issue": {"number": 4, "pull_request": {}}},
            [NamedRecord("pull_requests", "octo/hello#4")],
        ),
        ("pull_request", {"pull_request": {"number": 5}}, [NamedRecord("pull_requests", "octo/hello#5")]),
        ("repository", {"action": "renamed"}, [NamedRecord("repositories", "octo/hello")]),
        ("push", {"ref": "refs/heads/main"}, []),
        ("issues", {"issue": {"number": "x"}}, []),
    ],
)
def test_webhooks_name_what_changed(name: str, event: dict[str, Any], named: list[NamedRecord]) -> None:
    content = {**event, "repository": {"full_name": "Octo/Hello"}}
    told = SourceEvent(id="evt_1", type=name, body=b"", json=content, headers={"x-github-event": name})
    assert list(GitHubType().changes_in(told)) == named
    for odd in (None, [], "x", {"repository": 3}, {"repository": {"full_name": 1}, "issue": []}):
        assert list(GitHubType().changes_in(SourceEvent(id="e", type=None, body=b"", json=odd, headers={}))) == []
