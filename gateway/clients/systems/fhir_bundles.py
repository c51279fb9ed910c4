"""Bundles of FHIR: pages of searches and histories, and several interactions in one call. Pure.

https://hl7.org/fhir/R4/bundle.html and https://hl7.org/fhir/R4/http.html#transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from gateway.clients.errors import IntegrationError, ResponseInvalid
from gateway.clients.paging.styles import PageRequest
from gateway.clients.systems import fhir_outcome
from gateway.clients.systems.fhir_resources import (
    Change,
    Resource,
    Written,
    condition,
    etag,
    place_in,
    read_instant,
    resource_id,
    resource_in,
    resource_type,
    to_create,
    to_update,
    version_in,
    written_in,
)
from gateway.clients.values import Answer, Headers

_ACTIONS: Final = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
# What shapes an answer and selects nothing: a server need not repeat it.
_SHAPING: Final = frozenset({"_count", "_sort", "_format", "_pretty", "_summary", "_elements", "_total"})


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of a search. `total` is the server's count of all matches, None where it does not count.

    `following` can be kept, to go on from later, for as long as the server keeps it.
    """

    matches: Sequence[Resource] = field(repr=False)
    included: Sequence[Resource] = field(repr=False)
    total: int | None
    following: PageRequest | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Interaction:
    """One entry of a batch or transaction; `creating`, `updating`, `deleting`, `reading` make them.

    `full_url` (`urn:uuid:…`) is what other entries of a transaction refer to it by.
    """

    method: str
    url: str = field(repr=False)
    resource: Mapping[str, Any] | None = field(default=None, repr=False)
    full_url: str | None = None
    if_none_exist: str | None = field(default=None, repr=False)
    if_match: str | None = None

    @classmethod
    def creating(
        cls,
        resource: Mapping[str, Any],
        *,
        if_none_exist: Mapping[str, str] | None = None,
        full_url: str | None = None,
    ) -> Interaction:
        """A create. Raises `InvalidInput`."""
        name = to_create(resource)
        found = condition(if_none_exist) if if_none_exist is not None else None
        return cls("POST", name, resource, full_url, found)

    @classmethod
    def updating(cls, resource: Mapping[str, Any], *, if_match: str | None = None) -> Interaction:
        """An update, of version `if_match` only where given. Raises `InvalidInput`."""
        url = "/".join(to_update(resource))
        return cls("PUT", url, resource, if_match=etag(if_match) if if_match is not None else None)

    @classmethod
    def deleting(cls, name: str, identifier: str) -> Interaction:
        """A deletion. Raises `InvalidInput`."""
        return cls("DELETE", f"{resource_type(name)}/{resource_id(identifier)}")

    @classmethod
    def reading(cls, name: str, identifier: str) -> Interaction:
        """A read. Raises `InvalidInput`."""
        return cls("GET", f"{resource_type(name)}/{resource_id(identifier)}")

    @property
    def may_repeat(self) -> bool:
        """Whether carrying it out twice means the same as once."""
        return self.method != "POST" or self.if_none_exist is not None

    def entry(self) -> dict[str, Any]:
        """As it stands in a bundle."""
        request = {"method": self.method, "url": self.url}
        if self.if_none_exist is not None:
            request["ifNoneExist"] = self.if_none_exist
        if self.if_match is not None:
            request["ifMatch"] = self.if_match
        entry: dict[str, Any] = {"fullUrl": self.full_url} if self.full_url is not None else {}
        return entry | ({"resource": self.resource} if self.resource is not None else {}) | {"request": request}


@dataclass(frozen=True, slots=True)
class EntryOutcome:
    """What became of one entry: `error` is None when it succeeded; `written` for writes, `resource` where one came."""

    index: int
    status: int
    written: Written | None
    resource: Resource | None
    error: IntegrationError | None


def search_page(bundle: Mapping[str, Any], following: PageRequest | None) -> SearchPage:
    """What a page of a search holds. Raises `ResponseInvalid`."""
    matches: list[Resource] = []
    included: list[Resource] = []
    for entry in entries(bundle, "searchset"):
        search = entry.get("search")
        mode = search.get("mode") if isinstance(search, Mapping) else None
        content = entry.get("resource")
        # An outcome tells of the search, and is found by nobody.
        if mode == "outcome" or (isinstance(content, Mapping) and content.get("resourceType") == "OperationOutcome"):
            continue
        (included if mode == "include" else matches).append(resource_in(content))
    total = bundle.get("total")
    return SearchPage(matches, included, total if isinstance(total, int) else None, following)


def ignored(bundle: Mapping[str, Any], asked: Sequence[str]) -> list[str]:
    """The parameters of `asked` that the server left out of the search that it says it made.

    Servers may leave out what they do not know and answer with everybody (https://hl7.org/fhir/R4/search.html#errors).
    One that does not repeat its search at all tells nothing.
    """
    links = bundle.get("link")
    found = links if isinstance(links, list) else []
    self_links = (one.get("url") for one in found if isinstance(one, Mapping) and one.get("relation") == "self")
    url = next((one for one in self_links if isinstance(one, str)), "")
    used = {name.partition(":")[0] for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    if not used - _SHAPING:
        return []
    return [name for name in asked if name.partition(":")[0] not in used | _SHAPING]


def changes(bundle: Mapping[str, Any]) -> Iterator[Change]:
    """The versions on a page of a history. Raises `ResponseInvalid`."""
    for entry in entries(bundle, "history"):
        content = entry.get("resource")
        resource = resource_in(content) if content is not None else None
        request, response = _object(entry.get("request")), _object(entry.get("response"))
        method = request.get("method", "DELETE" if resource is None else "PUT")
        action = _ACTIONS.get(method) if isinstance(method, str) else None
        place = place_in(request.get("url")) or place_in(entry.get("fullUrl"))
        name, identifier = (resource.type, resource.id) if resource else place[:2] if place else (None, None)
        if action is None or name is None or identifier is None:
            raise ResponseInvalid("an entry of a history does not say what changed how")
        version = version_in(response.get("etag")) or (resource.version_id if resource else None)
        changed_at = read_instant(response.get("lastModified")) or (resource.updated_at if resource else None)
        yield Change(action, name, identifier, version, changed_at, resource if action != "delete" else None)


def outcomes(bundle: Mapping[str, Any], sent: Sequence[Interaction], kind: str, now: float) -> list[EntryOutcome]:
    """What became of each entry, in the order in which they were sent. Raises `ResponseInvalid`."""
    found = list(entries(bundle, f"{kind}-response"))
    if len(found) != len(sent):
        raise ResponseInvalid(f"{len(sent)} entries were sent and {len(found)} came back")
    return [_outcome(index, one, entry, now) for index, (one, entry) in enumerate(zip(sent, found, strict=True))]


def entries(bundle: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """The entries of a bundle of type `kind`. Raises `ResponseInvalid`."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != kind:
        raise ResponseInvalid(f"a bundle of type {kind} was due, and something else came")
    found = bundle.get("entry")
    if found is not None and not isinstance(found, list):
        raise ResponseInvalid("the entries of a bundle are no list")
    for entry in found or []:
        if not isinstance(entry, Mapping):
            raise ResponseInvalid("an entry of a bundle is no object")
        yield entry


def _outcome(index: int, sent: Interaction, entry: Mapping[str, Any], now: float) -> EntryOutcome:
    response = _object(entry.get("response"))
    code = str(response.get("status", ""))[:3]
    if not code.isdecimal():
        raise ResponseInvalid("an entry of a bundle came back without a status")
    status = int(code)
    names = {"location": "Location", "etag": "ETag"}
    headers = Headers([(name, str(response[key])) for key, name in names.items() if response.get(key)])
    outcome, content = response.get("outcome"), entry.get("resource")
    # In a success the outcome is a remark; where it is the resource itself, it is what is judged.
    judged = outcome if status >= 300 and outcome is not None else content
    answer = Answer(status, headers, orjson.dumps(judged) if judged is not None else b"")
    error = fhir_outcome.judge(answer, now)
    if error is not None:
        error.call = replace(error.call, method=sent.method, path=sent.url.partition("/")[0])
        return EntryOutcome(index, status, None, None, error)
    if sent.method in {"POST", "PUT", "PATCH"}:
        name, _, identifier = sent.url.partition("/")
        written = written_in(answer, name, identifier or None)
        return EntryOutcome(index, status, written, written.resource, None)
    return EntryOutcome(index, status, None, resource_in(content) if content is not None else None, None)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
