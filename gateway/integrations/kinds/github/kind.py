"""GitHub: repositories, issues and pull requests; issues both ways; webhooks name what changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from gateway.clients.systems.github import GitHub
from gateway.clients.systems.reading import part
from gateway.entities.external import ExternalResource
from gateway.errors import Fault
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.kinds.github.resources import Issues, PullRequests, Repositories
from gateway.integrations.type import IntegrationType, NamedRecord, Seen, SourceEvent, WebhookApi

RESOURCES: Final = ("repositories", "issues", "pull_requests")
_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


class GitHubType(IntegrationType):
    """See docs/integrations/github.md."""

    id = "github"
    label = "GitHub"
    description = "Repositories, issues and pull requests; issues can be made and changed from here."
    attributes = (
        Attribute(
            key="repositories",
            label="Repositories",
            kind=AttributeKind.LIST,
            required=True,
            minimum=1,
            maximum=200,
            help="owner/name of each.",
            example=["octo/hello"],
        ),
        Attribute(
            key="resources",
            label="What is synced",
            kind=AttributeKind.LIST,
            choices=RESOURCES,
            default=list(RESOURCES),
            help="Without any, all three.",
        ),
        Attribute(
            key="token",
            label="Token",
            kind=AttributeKind.SECRET,
            help="Fine-grained: reads issues and pull requests, writes issues. Not needed with a connection.",
        ),
        Attribute(
            key="base_url",
            label="URL of the API",
            kind=AttributeKind.URL,
            default="https://api.github.com",
            help="That of a server of your own ends with /api/v3.",
        ),
    )
    providers = ("github",)
    sync_defaults: ClassVar[Mapping[str, Any]] = {"policy": "manual"}

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Repositories have an owner and a name, and each is named once."""
        names = [str(name) for name in configuration.get("repositories", ())]
        wrong = [name for name in names if _NAME.fullmatch(name) is None]
        if wrong:
            message = f"a repository is named owner/name, which {wrong[0]!r} is not"
            return [Fault("configuration.repositories", "malformed", message)]
        return ()

    def test_connection(self, instance: Instance) -> Seen:
        """Reads the first repository, and how many calls are left."""
        names = _repositories(instance)
        answer = _github(instance).http.get(
            "/repos/{owner}/{repo}", dict(zip(("owner", "repo"), names[0].split("/"), strict=True))
        )
        left = answer.headers.get("x-ratelimit-remaining")
        found = part(answer.document, "full_name") or names[0]
        calls = f"; {left} calls are left this hour" if left else ""
        return Seen(f"{found} and {len(names) - 1} more repositories{calls}", {"repositories": len(names)})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        github, names = _github(instance), _repositories(instance)
        made: list[ExternalResource] = [
            Repositories(github, names),
            Issues(github, names),
            PullRequests(github, names),
        ]
        return [one for one in made if one.name in instance.configuration["resources"]]

    def webhook_api(self, instance: Instance) -> WebhookApi:
        """Each repository has webhooks of its own."""
        places = [dict(zip(("owner", "repo"), name.split("/"), strict=True)) for name in _repositories(instance)]
        lists = [(name, place) for place in places for name in instance.configuration["resources"]]
        return WebhookApi(provider="github", client=_github(instance).http, lists=lists)

    def changes_in(self, event: SourceEvent) -> Sequence[NamedRecord]:
        """What an event of GitHub's is about: an issue, a pull request, a repository."""
        repository = part(event.json, "repository", "full_name")
        if not isinstance(repository, str):
            return ()
        name = repository.lower()
        issue, pull = part(event.json, "issue"), part(event.json, "pull_request")
        found = []
        if isinstance(issue, Mapping) and isinstance(issue.get("number"), int):
            resource = "pull_requests" if "pull_request" in issue else "issues"
            found.append(NamedRecord(resource, f"{name}#{issue['number']}"))
        if isinstance(pull, Mapping) and isinstance(pull.get("number"), int):
            found.append(NamedRecord("pull_requests", f"{name}#{pull['number']}"))
        event_name = event.headers.get("x-github-event") or (event.type or "").partition(".")[0]
        if event_name in {"repository", "public", "star"}:
            found.append(NamedRecord("repositories", name))
        return found


def _repositories(instance: Instance) -> list[str]:
    """In lower case: GitHub's names are the same in any."""
    return list(dict.fromkeys(str(name).lower() for name in instance.configuration["repositories"]))


def _github(instance: Instance) -> GitHub:
    auth = instance.connection.opened.plan.auth if instance.connection is not None else instance.secret("token")
    github = GitHub(auth, base_url=instance.configuration["base_url"], **instance.client_options())
    return instance.closing(github)
