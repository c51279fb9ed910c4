"""What GitHub's records become: frozen values with the fields that integrations use, and all of the record beside.

A field that GitHub promises and does not send is `ResponseInvalid`; one that may be null is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.clients.errors import ResponseInvalid

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository. `id` stays when it is renamed, `full_name` (owner/name) does not."""

    id: int
    node_id: str
    full_name: str
    is_private: bool
    default_branch: str
    url: str
    updated_at: datetime | None
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, or a pull request as the list of issues shows it. `author` is None when the account is gone."""

    id: int
    node_id: str
    number: int
    title: str
    body: str | None
    state: str
    labels: tuple[str, ...]
    author: str | None
    is_pull_request: bool
    url: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    body: str
    author: str | None
    url: str
    created_at: datetime
    updated_at: datetime
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request. `head` is None when the branch's repository is gone, for its name; `head_sha` stays."""

    id: int
    node_id: str
    number: int
    title: str
    body: str | None
    state: str
    is_draft: bool
    head: str
    head_sha: str
    base: str
    author: str | None
    url: str
    created_at: datetime
    updated_at: datetime
    merged_at: datetime | None
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `author` is the account, None when none belongs to the address that wrote it."""

    sha: str
    message: str
    author: str | None
    committed_at: datetime | None
    parents: tuple[str, ...]
    url: str
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of a repository. GitHub never tells its secret."""

    id: int
    url: str
    events: tuple[str, ...]
    is_active: bool
    content_type: str | None
    last_status: int | None
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """One try to deliver an event. `guid` is the same for all tries of one event: `X-GitHub-Delivery`."""

    id: int
    guid: str
    event: str
    action: str | None
    delivered_at: datetime
    is_redelivery: bool
    status: str
    status_code: int
    record: Record = field(repr=False)


def repository(found: object) -> Repository:
    """A repository. Raises `ResponseInvalid`."""
    one = _record(found, "repository")
    return Repository(
        id=_number(one, "id"),
        node_id=_text(one, "node_id"),
        full_name=_text(one, "full_name"),
        is_private=_flag(one, "private"),
        default_branch=_text(one, "default_branch"),
        url=_text(one, "html_url"),
        updated_at=_instant_or_none(one, "updated_at"),
        record=one,
    )


def issue(found: object) -> Issue:
    """An issue. Raises `ResponseInvalid`."""
    one = _record(found, "issue")
    labels = one.get("labels") or ()
    return Issue(
        id=_number(one, "id"),
        node_id=_text(one, "node_id"),
        number=_number(one, "number"),
        title=_text(one, "title"),
        body=_text_or_none(one, "body"),
        state=_text(one, "state"),
        # A label is an object, or in old issues its name.
        labels=tuple(label["name"] if isinstance(label, dict) else str(label) for label in labels),
        author=_login(one.get("user")),
        is_pull_request="pull_request" in one,
        url=_text(one, "html_url"),
        created_at=_instant(one, "created_at"),
        updated_at=_instant(one, "updated_at"),
        closed_at=_instant_or_none(one, "closed_at"),
        record=one,
    )


def comment(found: object) -> Comment:
    """A comment. Raises `ResponseInvalid`."""
    one = _record(found, "comment")
    return Comment(
        id=_number(one, "id"),
        body=_text_or_none(one, "body") or "",
        author=_login(one.get("user")),
        url=_text(one, "html_url"),
        created_at=_instant(one, "created_at"),
        updated_at=_instant(one, "updated_at"),
        record=one,
    )


def pull_request(found: object) -> PullRequest:
    """A pull request. Raises `ResponseInvalid`."""
    one = _record(found, "pull request")
    head, base = _record(one.get("head"), "head"), _record(one.get("base"), "base")
    return PullRequest(
        id=_number(one, "id"),
        node_id=_text(one, "node_id"),
        number=_number(one, "number"),
        title=_text(one, "title"),
        body=_text_or_none(one, "body"),
        state=_text(one, "state"),
        is_draft=one.get("draft") is True,
        head=_text(head, "ref"),
        head_sha=_text(head, "sha"),
        base=_text(base, "ref"),
        author=_login(one.get("user")),
        url=_text(one, "html_url"),
        created_at=_instant(one, "created_at"),
        updated_at=_instant(one, "updated_at"),
        merged_at=_instant_or_none(one, "merged_at"),
        record=one,
    )


def commit(found: object) -> Commit:
    """A commit. Raises `ResponseInvalid`."""
    one = _record(found, "commit")
    inner = _record(one.get("commit"), "commit")
    committer = inner.get("committer")
    return Commit(
        sha=_text(one, "sha"),
        message=_text(inner, "message"),
        author=_login(one.get("author")),
        committed_at=_instant_or_none(committer, "date") if isinstance(committer, dict) else None,
        parents=tuple(_text(_record(parent, "parent"), "sha") for parent in one.get("parents") or ()),
        url=_text(one, "html_url"),
        record=one,
    )


def hook(found: object) -> Hook:
    """A webhook. Raises `ResponseInvalid`."""
    one = _record(found, "webhook")
    config, last = _record(one.get("config"), "config"), one.get("last_response")
    code = last.get("code") if isinstance(last, dict) else None
    return Hook(
        id=_number(one, "id"),
        url=_text_or_none(config, "url") or "",
        events=tuple(map(str, one.get("events") or ())),
        is_active=_flag(one, "active"),
        content_type=_text_or_none(config, "content_type"),
        last_status=code if isinstance(code, int) else None,
        record=one,
    )


def delivery(found: object) -> HookDelivery:
    """One try to deliver. Raises `ResponseInvalid`."""
    one = _record(found, "delivery")
    return HookDelivery(
        id=_number(one, "id"),
        guid=_text(one, "guid"),
        event=_text(one, "event"),
        action=_text_or_none(one, "action"),
        delivered_at=_instant(one, "delivered_at"),
        is_redelivery=_flag(one, "redelivery"),
        status=_text(one, "status"),
        status_code=_number(one, "status_code"),
        record=one,
    )


def _record(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ResponseInvalid(f"where a {what} was due there is none")
    return found


def _text(one: Record, name: str) -> str:
    value = one.get(name)
    if not isinstance(value, str):
        raise ResponseInvalid(f"{name} is missing, or is no text")
    return value


def _text_or_none(one: Record, name: str) -> str | None:
    return _text(one, name) if one.get(name) is not None else None


def _number(one: Record, name: str) -> int:
    value = one.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ResponseInvalid(f"{name} is missing, or is no number")
    return value


def _flag(one: Record, name: str) -> bool:
    value = one.get(name)
    if not isinstance(value, bool):
        raise ResponseInvalid(f"{name} is missing, or is neither true nor false")
    return value


def _instant(one: Record, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(_text(one, name))
    except ValueError as error:
        raise ResponseInvalid(f"{name} is no time") from error
    if found.tzinfo is None:
        raise ResponseInvalid(f"{name} has no time zone")
    return found


def _instant_or_none(one: Record, name: str) -> datetime | None:
    return _instant(one, name) if one.get(name) is not None else None


def _login(user: object) -> str | None:
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) else None
