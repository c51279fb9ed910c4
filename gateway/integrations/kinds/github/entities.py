"""What GitHub's records are as entities. Pure.

A record is GitHub's, with `_repository` beside: the name by which the integration knows its repository. It stays the id
when GitHub's own name of it changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.entities.external import Direction, Mapped, Raw
from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription, StateDescription
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.providers.api.model import Paging, Resource

REPOSITORY: Final = "_repository"
_MARK = re.compile(r"\n*<!-- gateway:([\w.:-]{1,128}) -->\s*\Z")

_NUMBERED: Final = "join('#', [_repository, to_string(number)])"


def _own(path: str, kind: str = "any") -> FieldDescription:
    return FieldDescription(read=path, type=kind)


def _both(path: str, to: str, kind: str = "any", *, required: bool = False) -> FieldDescription:
    return FieldDescription(read=path, to=to, type=kind, required=required, direction=Direction.BOTH)


REPOSITORY_ENTITY: Final = EntityDescription(
    kind="repository",
    name="full_name",
    fields={
        "description": _own("description"),
        "url": _own("html_url"),
        "is_private": _own("private", "boolean"),
        "is_archived": _own("archived", "boolean"),
        "default_branch": _own("default_branch"),
        "language": _own("language"),
        "topics": _own("topics"),
        "stars": _own("stargazers_count", "integer"),
        "open_issues": _own("open_issues_count", "integer"),
        "node_id": _own("node_id"),
        "pushed_at": _own("pushed_at", "instant"),
    },
    version="updated_at",
    updated_at="updated_at",
    others=False,
)
ISSUE: Final = EntityDescription(
    kind="issue",
    name="title",
    fields={
        "repository": _own(REPOSITORY),
        "number": FieldDescription(read="number", type="integer", required=True),
        "title": _both("title", "title", "text", required=True),
        "body": _both("body", "body"),
        "state": _both("state", "state", "text", required=True),
        "state_reason": _own("state_reason"),
        "labels": _both("sort(labels[].name || `[]`)", "labels", "list"),
        "assignees": _both("sort(assignees[].login || `[]`)", "assignees", "list"),
        "milestone": _own("milestone.title"),
        "author": _own("user.login"),
        "comments": _own("comments", "integer"),
        "url": _own("html_url"),
        "created_at": _own("created_at", "instant"),
        "closed_at": _own("closed_at", "instant"),
    },
    state=StateDescription(read="state"),
    parent=REPOSITORY,
    version="updated_at",
    updated_at="updated_at",
    others=False,
)
PULL_REQUEST: Final = EntityDescription(
    kind="pull_request",
    name="title",
    fields={
        "repository": _own(REPOSITORY),
        "number": FieldDescription(read="number", type="integer", required=True),
        "title": _own("title", "text"),
        "body": _own("body"),
        "is_draft": _own("draft", "boolean"),
        "head": _own("head.ref"),
        "head_sha": _own("head.sha"),
        "base": _own("base.ref"),
        "author": _own("user.login"),
        "labels": _own("sort(labels[].name || `[]`)", "list"),
        "url": _own("html_url"),
        "created_at": _own("created_at", "instant"),
        "merged_at": _own("merged_at", "instant"),
    },
    state=StateDescription(read="merged_at && 'merged' || state", at="merged_at || closed_at"),
    parent=REPOSITORY,
    version="updated_at",
    updated_at="updated_at",
    others=False,
)


def reader_of(entity: EntityDescription) -> RecordReader:
    """What reads such records."""
    path = REPOSITORY if entity is REPOSITORY_ENTITY else _NUMBERED
    return RecordReader(entity, Resource(path="", records="@", id=path, paging=Paging("single")))


def of_repository(record: Any, repository: str) -> Raw:
    """A record with the repository that it is of."""
    return {**record, REPOSITORY: repository} if isinstance(record, Mapping) else record


def without_mark(mapped: Mapped) -> Mapped:
    """An entity as a person wrote it: without the mark by which its create is found."""
    body = mapped.attributes.get("body")
    if not isinstance(body, str) or _MARK.search(body) is None:
        return mapped
    return replace(mapped, attributes={**mapped.attributes, "body": _MARK.sub("", body)})


def with_mark(body: object, key: str) -> str:
    """The text of a new issue, with the mark of the create in a comment that nobody sees."""
    text = body if isinstance(body, str) else ""
    return f"{text}\n\n<!-- gateway:{key} -->".lstrip("\n")


def mark_in(body: object) -> str | None:
    """The mark of the create that made an issue with this text."""
    found = _MARK.search(body) if isinstance(body, str) else None
    return found[1] if found else None


def split_id(integration_id: str) -> tuple[str, int] | None:
    """Repository and number of an issue or a pull request; None for what is none."""
    repository, _, number = integration_id.rpartition("#")
    return (repository, int(number)) if repository and number.isdecimal() and len(number) < 12 else None
