"""A client for a system that is described as data: the section `api` of its catalogue entry.

crm = DescribedClient.for_provider("hubspot", TokenAuth(source))
for contact in crm.resource("contacts").records(since=yesterday): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jmespath

from gateway.clients import errors
from gateway.clients.auth.base import Auth, TokenSource
from gateway.clients.client import ApiClient
from gateway.clients.described.judging import judge_of
from gateway.clients.described.parts import auth_of, base_url_of, style_of
from gateway.clients.limits import Rate
from gateway.clients.paging.styles import Page, PageRequest
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.providers import catalogue, find_provider
from gateway.providers.api.model import Api, Resource, Since
from gateway.suggestions import suggest


class DescribedClient:
    """The API of one provider, as its entry describes it. `http` is the client that carries it out."""

    def __init__(self, api: Api, http: ApiClient) -> None:
        self.api = api
        self.http = http

    @classmethod
    def for_provider(
        cls,
        provider: str,
        credential: str | Auth | TokenSource | None = None,
        *,
        providers_dir: Path | None = None,
        **options: Any,
    ) -> DescribedClient:
        """A client for a provider of the catalogue; the options are those of `for_api`.

        Raises `NotFound`, `InvalidInput`, `ConfigurationError` for own entries that cannot be used.
        """
        entries = catalogue(providers_dir)
        entry = find_provider(entries, provider)
        if entry.api is None:
            known = sorted(one for one, other in entries.items() if other.api is not None)
            raise NotFound(f"nothing is known of how {provider} is called (it is of {', '.join(known)})")
        return cls.for_api(provider, entry.api, credential, **options)

    @classmethod
    def for_api(
        cls,
        system: str,
        api: Api,
        credential: str | Auth | TokenSource | None,
        *,
        parameters: Mapping[str, str] | None = None,
        base_url: str | None = None,
        **options: Any,
    ) -> DescribedClient:
        """A client for `api`. `credential` is a key or token, which goes where the entry says, or an `Auth`, or what
        gives tokens. `base_url` replaces the entry's, for a sandbox; `options` are those of `ApiClient`.

        Raises `InvalidInput` for parameters that are missing or cannot be.
        """
        url = base_url or base_url_of(api, parameters or {})
        given: dict[str, Any] = {
            "system": system,
            "auth": auth_of(api.credential, credential),
            "headers": dict(api.headers),
            "idempotency_header": api.idempotency_header,
            "judge": judge_of(api),
            "rate_limit": [Rate(rate.calls, rate.seconds) for rate in api.rates],
        }
        return cls(api, ApiClient(url, **given | options))

    def resource(self, name: str) -> DescribedResource:
        """One of its lists. Raises `NotFound`, with those that there are."""
        found = self.api.resources.get(name)
        if found is None:
            known = sorted(self.api.resources)
            hint = suggest(name, known, Hint("show_provider", {"provider": self.http.system}))
            raise NotFound(f"{self.http.system} has no list {name!r} (there is: {', '.join(known) or 'none'})", hint)
        return DescribedResource(self.http, found)


class DescribedResource:
    """A list of records of a system."""

    def __init__(self, http: ApiClient, resource: Resource) -> None:
        self._http = http
        self.description = resource

    def records(self, parameters: Mapping[str, object] | None = None, **options: Any) -> Iterator[Any]:
        """Its records, one by one; the options are those of `pages`."""
        for page in self.pages(parameters, **options):
            yield from page.records

    def pages(
        self,
        parameters: Mapping[str, object] | None = None,
        *,
        since: datetime | None = None,
        query: Mapping[str, object] | None = None,
        start: PageRequest | None = None,
        **options: Any,
    ) -> Iterator[Page]:
        """Its pages. `since` asks for what changed from then on, where the system can be asked that.

        Raises `InvalidInput` where it cannot, or not so far back; `IntegrationError`.
        """
        resource = self.description
        asked = dict(resource.query)
        if resource.paging.size_parameter is not None and resource.paging.style not in {"page", "offset"}:
            asked[resource.paging.size_parameter] = str(resource.paging.size)
        if since is not None:
            asked |= self._since(resource.since, since)
        return self._http.pages(
            resource.path,
            parameters,
            style=style_of(resource.paging),
            records=resource.records,
            query=asked | dict(query or {}),
            start=start,
            **options,
        )

    def identify(self, record: object) -> str:
        """The id of one of its records. Raises `ResponseInvalid` when it has none."""
        found = jmespath.search(self.description.id, record)
        if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
            raise errors.ResponseInvalid(f"{self._http.system}: a record has no id at {self.description.id}")
        return str(found)

    def write(self, action: str, record: Mapping[str, Any] | None = None, **parameters: object) -> Any:
        """Create, update, upsert or delete (`action`) a record; `parameters` fill the path. What the system answers.

        Raises `InvalidInput` where the system has no such write, `IntegrationError`.
        """
        write = self.description.writes.get(action)
        if write is None:
            there = ", ".join(self.description.writes) or "none"
            raise InvalidInput(f"{self._http.system} is not known to {action} here (what is known: {there})")
        body: dict[str, Any] = {}
        if record is not None:
            content = {write.wrap: dict(record)} if write.wrap is not None else dict(record)
            body = {"form": content} if write.form else {"json": content}
        answer = self._http.request(write.method, write.path, parameters, **body)
        if answer.status == 204 or not answer.body:
            return None
        return answer.document if "json" in answer.media_type else answer.text

    def _since(self, rule: Since | None, since: datetime) -> dict[str, str]:
        if rule is None:
            raise InvalidInput(f"{self._http.system} cannot be asked for what changed in this list")
        if since.tzinfo is None:
            raise InvalidInput("`since` has no time zone")
        at = since.astimezone(UTC) - timedelta(seconds=rule.overlap_seconds)
        written = {
            "iso": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "epoch": str(int(at.timestamp())),
            "epoch_ms": str(int(at.timestamp() * 1000)),
            "minutes": at.strftime("%Y-%m-%d %H:%M"),
        }[rule.unit]
        return {rule.parameter: rule.template.replace("{at}", written)}
