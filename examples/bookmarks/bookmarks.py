"""An integration type as code: the bookmarks of a small system that has neither JSON pages nor versions.

It is the example of docs/ADDING_AN_INTEGRATION.md. Its system answers `GET /bookmarks?from=N` with lines of text,
`id<TAB>changed<TAB>title<TAB>url`, at most 50 of them, and takes `PUT /bookmarks/ID` with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.clients.auth.base import Bearer
from gateway.clients.client import ApiClient
from gateway.clients.errors import PositionExpired, RemoteNotFound, RequestRefused
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    ExternalResource,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RecordInvalid,
    RemotePage,
)
from gateway.errors import Fault
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.type import IntegrationType, Seen

PAGE = 50


class BookmarksType(IntegrationType):
    """What a person sees and sets, and what there is to sync."""

    id = "bookmarks"
    label = "Bookmarks"
    description = "Bookmarks of a small system; titles and URLs can be changed from here."
    attributes = (
        Attribute(key="base_url", label="URL", kind=AttributeKind.URL, required=True),
        Attribute(key="token", label="Token", kind=AttributeKind.SECRET, required=True),
    )

    def test_connection(self, instance: Instance) -> Seen:
        page = next(self.resources(instance)[0].pages(None, None))
        return Seen(f"{len(page.records)} bookmarks on the first page")

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        client = instance.client(instance.configuration["base_url"], auth=Bearer(instance.secret("token")))
        return [Bookmarks(client)]


class Bookmarks:
    """One list of the system. What it says of itself here, the contract's tests ask for."""

    name = "bookmarks"
    kind = "bookmark"
    abilities = Abilities(looks_up=True, writes=frozenset({"update"}))
    fields: Mapping[str, FieldRule] = {
        "title": FieldRule(direction=Direction.BOTH),
        "url": FieldRule(direction=Direction.BOTH),
    }
    default_rule = FieldRule()

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        begin = 0 if at is None else at.get("from")
        if not isinstance(begin, int):
            raise PositionExpired("the place to go on from cannot be read")
        while True:
            lines = self._client.get("/bookmarks", query={"from": begin}).text.splitlines()
            begin += len(lines)
            is_last = len(lines) < PAGE
            yield RemotePage(records=lines, next=None if is_last else {"from": begin})
            if is_last:
                return

    def identify(self, raw: Raw) -> str | None:
        return raw.split("\t")[0] or None if isinstance(raw, str) else None

    def map(self, raw: Raw) -> Mapped:
        parts = raw.split("\t") if isinstance(raw, str) else []
        if len(parts) != 4 or not parts[0]:
            raise RecordInvalid(
                faults=[Fault("", "malformed", "a bookmark is id, time, title and URL, with tabs between")]
            )
        identifier, changed, title, url = parts
        return Mapped(integration_id=identifier, name=title, attributes={"title": title, "url": url}, version=changed)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        return {one: self._one(one) for one in ids}

    def update(self, outgoing: Outgoing) -> Raw | None:
        wanted: dict[str, Any] = {"title": "", "url": "", **outgoing.attributes, **outgoing.fields}
        line = f"{outgoing.integration_id}\t\t{wanted['title']}\t{wanted['url']}"
        path = {"id": outgoing.integration_id}
        return self._client.put("/bookmarks/{id}", path, body=line.encode(), content_type="text/plain").text

    def find(self, outgoing: Outgoing) -> Raw | None:
        return None

    def create(self, outgoing: Outgoing) -> Raw:
        raise RequestRefused("bookmarks are made in their own system")

    def delete(self, outgoing: Outgoing) -> None:
        raise RequestRefused("bookmarks are deleted in their own system")

    def _one(self, identifier: str) -> Raw | None:
        try:
            return self._client.get("/bookmarks/{id}", {"id": identifier}).text
        except RemoteNotFound:
            return None
