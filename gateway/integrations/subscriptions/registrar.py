"""The calls that make, find, renew and take back registrations at one provider, as its description says."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jmespath

from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteConflict, RemoteNotFound, ResponseInvalid
from gateway.clock import Clock, from_us, iso
from gateway.integrations.registrations import Registration
from gateway.integrations.subscriptions.filling import content_of, filled, names_in
from gateway.integrations.subscriptions.model import Description, Listing, Request, Unit
from gateway.integrations.subscriptions.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Made:
    """What the provider said of one that it made. `secret` is its own, None where it gives none."""

    id: str
    expires_at: datetime | None
    keeps: Mapping[str, str]
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """One that is there, for our URL and topic."""

    id: str
    expires_at: datetime | None


class Registrar:
    """One provider, by one client, for one look: what was listed is remembered. For one thread.

    Every method raises `IntegrationError`.
    """

    def __init__(self, description: Description, client: ApiClient, clock: Clock) -> None:
        self._description = description
        self._client = client
        self._clock = clock
        self._listed: dict[tuple[str, str], Sequence[Any]] = {}

    def require_target(self, wanted: Wanted) -> None:
        """Have the app's webhooks go to our URL. Raises `RemoteConflict` where they go somewhere else."""
        target = self._description.target
        if target is None:
            return
        values = {**wanted.values, "url": wanted.url}
        try:
            now = jmespath.search(target.path, self._call(target.read, values))
        except RemoteNotFound:
            now = None
        if now == wanted.url:
            return
        if now:
            raise RemoteConflict(
                f"the webhooks of this app of {self._description.api} go to another address already, and an app has "
                "one: take that away there, or let the integration register no webhooks"
            )
        self._call(target.write, values)

    def create(self, wanted: Wanted, secret: str | None) -> Made:
        """Make one. It may have been made although this raises."""
        description = self._description
        values = {
            **wanted.values,
            "url": wanted.url,
            "secret": secret,
            "expires": self._expires(wanted),
            "new_id": str(uuid.uuid4()),
        }
        answer = self._call(description.create, values, path=wanted.path)
        made_id = jmespath.search(description.id, answer)
        if made_id is None:
            raise ResponseInvalid(f"{description.api} gave no id of the webhook that it was told to make")
        keeps = {name: jmespath.search(path, answer) for name, path in description.keeps.items()}
        given = None if description.secret is None else jmespath.search(description.secret, answer)
        self._listed.clear()
        return Made(
            id=str(made_id),
            expires_at=self._instant(answer, description.expires),
            keeps={name: str(value) for name, value in keeps.items() if value is not None},
            secret=given if isinstance(given, str) and given else None,
        )

    def found(self, wanted: Wanted) -> Sequence[Found] | None:
        """Those that are there for its URL and topic; None where nothing can be looked for."""
        listing = self._description.listing
        if listing is None:
            return None
        values = {**wanted.values, "url": wanted.url}
        expected = {path: filled(template, values) for path, template in listing.where.items()}
        return [
            Found(str(jmespath.search(listing.id, record)), self._instant(record, listing.expires))
            for record in self._records(listing, values)
            if all(_same(jmespath.search(path, record), value) for path, value in expected.items())
        ]

    def renew(self, one: Registration, wanted: Wanted) -> datetime | None:
        """Let one last longer; until when it does. Raises `RemoteNotFound` where it is gone."""
        request = self._description.renew
        assert request is not None, "whoever cannot be renewed is replaced"
        expires = self._expires(wanted)
        answer = self._call(request, {**one.values, "id": one.id, "expires": expires})
        said = None if answer is None else self._instant(answer, self._description.expires)
        return said or (None if expires is None else datetime.fromisoformat(expires))

    def delete(self, one: Registration) -> None:
        """Take one back; one that is gone is no error."""
        try:
            self._call(self._description.delete, {**one.values, "id": one.id})
        except RemoteNotFound:
            pass
        self._listed.clear()

    def _call(self, request: Request, values: Mapping[str, Any], *, path: str | None = None) -> Any:
        path = path or request.path
        parameters = {name: values[name] for name in names_in(path)}
        options = content_of(request, values)
        answer = self._client.request(
            request.method, path, parameters, headers={"Accept": "application/json"}, **options
        )
        return self._client.document_of(answer, request.method, path, parameters) if answer.body else None

    def _records(self, listing: Listing, values: Mapping[str, Any]) -> Sequence[Any]:
        parameters = {name: values[name] for name in names_in(listing.path)}
        key = listing.path, repr(parameters)
        if key not in self._listed:
            query = tuple(listing.query.items())
            pages = self._client.pages(
                listing.path, parameters, style=listing.style, records=listing.records, query=query, max_pages=1_000
            )
            self._listed[key] = [record for page in pages for record in page.records]
        return self._listed[key]

    def _expires(self, wanted: Wanted) -> str | None:
        if wanted.lifetime_seconds is None:
            return None
        return iso(from_us(self._clock.now_us()) + timedelta(seconds=wanted.lifetime_seconds))

    def _instant(self, document: Any, path: str | None) -> datetime | None:
        said = None if path is None else jmespath.search(path, document)
        if said is None:
            return None
        try:
            if self._description.unit is Unit.EPOCH_MS:
                return datetime.fromtimestamp(int(said) / 1000, UTC)
            read = datetime.fromisoformat(str(said))
        except (ValueError, OverflowError, OSError) as error:
            raise ResponseInvalid(f"{self._description.api} says no instant of when the webhook ends") from error
        return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def _same(said: object, expected: object) -> bool:
    """Whether a record has what is expected, in any order and case; nothing is as good as an empty text."""
    if isinstance(expected, list):
        return isinstance(said, list) and sorted(map(str, said)) == sorted(map(str, expected))
    return _text(said).casefold() == _text(expected).casefold()


def _text(value: object) -> str:
    return "" if value is None else str(value)
