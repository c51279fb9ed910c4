"""A client for a system that is described as data: the section `api` of its catalogue entry.

crm = ApiClient.for_provider("hubspot", TokenAuth(source))
for contact in crm.resource("contacts").records(since=yesterday): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jmespath

from gateway.clients import errors
from gateway.clients.auth.base import Auth, TokenSource
from gateway.clients.client import ApiClient
from gateway.clients.described.asking import instant, placed
from gateway.clients.described.judging import judge_of
from gateway.clients.described.parts import auth_of, base_url_of, headers_of, style_of, with_further
from gateway.clients.described.writing import options_of
from gateway.clients.limits import Rate
from gateway.clients.paging.reading import MAX_PAGES, pages
from gateway.clients.paging.styles import Page, PageRequest, records_at
from gateway.clients.values import Answer
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.providers import catalogue, find_provider
from gateway.providers.api.model import Api, Delta, Resource
from gateway.suggestions import suggest


class DescribedClient:
    """The API of one provider, as its entry describes it.

    `http` is the client that carries it out, `services` are those for the API's further services, by name.
    """

    def __init__(self, api: Api, http: ApiClient, services: Mapping[str, ApiClient] | None = None) -> None:
        self.api = api
        self.http = http
        self.services = dict(services or {})

    def __enter__(self) -> DescribedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        for http in (self.http, *self.services.values()):
            http.close()

    @classmethod
    def for_api(
        cls,
        system: str,
        api: Api,
        credential: str | Auth | TokenSource | None,
        *,
        secrets: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        base_url: str | None = None,
        **options: Any,
    ) -> DescribedClient:
        """A client for `api`. `credential` is a key or token, which goes where the entry says, or an `Auth`, or what
        gives tokens; `secrets` are those that the entry names beside it. `base_url` replaces the entry's, for a
        sandbox; `options` are those of `ApiClient`.

        Raises `InvalidInput` for parameters that are missing or cannot be.
        """
        values = parameters or {}
        given: dict[str, Any] = {
            "system": system,
            "auth": _auth(api, credential, secrets),
            "headers": headers_of(api, values),
            "idempotency_header": api.idempotency_header,
            "judge": judge_of(api),
            "rate_limit": [Rate(rate.calls, rate.seconds) for rate in api.rates],
        }

        def client(service: str | None = None) -> ApiClient:
            return ApiClient(base_url or base_url_of(api, values, service), **given | options)

        return cls(api, client(), {service: client(service) for service in api.services})

    def resource(self, name: str) -> DescribedResource:
        """One of its lists. Raises `NotFound`, with those that there are."""
        found = self.api.resources.get(name)
        if found is None:
            known = sorted(self.api.resources)
            hint = suggest(name, known, Hint("show_provider", {"provider": self.http.system}))
            raise NotFound(f"{self.http.system} has no list {name!r} (there is: {', '.join(known) or 'none'})", hint)
        http = self.http if found.service is None else self.services[found.service]
        return DescribedResource(http, found, takes_keys=self.api.idempotency_header is not None)


def _auth(api: Api, credential: str | Auth | TokenSource | None, secrets: Mapping[str, str] | None) -> Auth:
    auth = auth_of(api.credential, credential)
    # Whoever comes without a key, or with an `Auth` of his own, may have no need of what stands beside one.
    if secrets is None and not isinstance(credential, str):
        return auth
    return with_further(auth, api.credential, secrets or {})


def client_for(
    provider: str,
    credential: str | Auth | TokenSource | None = None,
    *,
    providers_dir: Path | None = None,
    **options: Any,
) -> DescribedClient:
    """What `ApiClient.for_provider` promises."""
    entries = catalogue(providers_dir)
    entry = find_provider(entries, provider)
    if entry.api is None:
        known = sorted(one for one, other in entries.items() if other.api is not None)
        raise NotFound(f"nothing is known of how {provider} is called (it is of {', '.join(known)})")
    return DescribedClient.for_api(provider, entry.api, credential, **options)


class DescribedResource:
    """A list of records of a system. `takes_keys`: every write takes an idempotency key."""

    def __init__(self, http: ApiClient, resource: Resource, *, takes_keys: bool = False) -> None:
        self._http = http
        self._takes_keys = takes_keys
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
        mark: str | None = None,
        body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Iterator[Page]:
        """Its pages. `since` asks for what changed from then on, `mark` for what changed since an earlier reading whose
        last page had it (`mark_of`): each where the system can be asked that. `body` adds to what a list sends that is
        asked for by POST.

        Raises `InvalidInput` where it cannot; `IntegrationError`, `PositionExpired` for a mark that is too old.
        """
        resource = self.description
        asked: dict[str, object] = dict(resource.query)
        if resource.paging.size_parameter is not None and resource.paging.style not in {"page", "offset"}:
            asked[resource.paging.size_parameter] = str(resource.paging.size)
        if since is not None and mark is not None:
            raise InvalidInput("ask for what changed by `since` or by `mark`, not by both")
        changed, headers = self._since(since) if since is not None else ({}, {})
        if headers:
            options["headers"] = headers | dict(options.get("headers") or {})
        if mark is not None:
            parameter = self._delta().parameter
            if parameter is None:
                start = PageRequest(url=mark)
            elif resource.method == "POST":
                start = PageRequest(((parameter, mark),))
            else:
                changed = {parameter: mark}
        if resource.method == "POST":
            asked |= dict(query or {})
            return self._by_post(parameters, {**resource.body, **(body or {})}, changed, asked, start, options)
        if body is not None:
            raise InvalidInput(f"{self._http.system} takes no body for this list")
        return self._http.pages(
            resource.path,
            parameters,
            style=style_of(resource.paging),
            records=resource.records,
            query=asked | changed | dict(query or {}),
            start=start,
            **options,
        )

    def mark_of(self, page: Page) -> str | None:
        """What the next reading goes on from (`mark`), where this page has it: the last one of a whole reading.

        Raises `InvalidInput` where the system gives no marks.
        """
        found = jmespath.search(self._delta().path, page.answer.document)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None

    def is_deleted(self, record: object) -> bool:
        """Whether the system marks this record as gone."""
        path = self.description.deleted
        return path is not None and jmespath.search(path, record) is True

    def identify(self, record: object) -> str:
        """The id of one of its records. Raises `ResponseInvalid` when it has none."""
        found = jmespath.search(self.description.id, record)
        if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
            raise errors.ResponseInvalid(f"{self._http.system}: a record has no id at {self.description.id}")
        return str(found)

    def one(self, **parameters: object) -> Any:
        """One record, as the system answers; `parameters` fill the path.

        Raises `InvalidInput` where the system has no such call, `RemoteNotFound`, `IntegrationError`.
        """
        if self.description.one is None:
            raise InvalidInput(f"{self._http.system} is not known to give one record of this list")
        return self._http.json("GET", self.description.one, parameters)

    def write(
        self,
        action: str,
        record: Mapping[str, Any] | None = None,
        *,
        based_on: Mapping[str, Any] | None = None,
        version: str | None = None,
        idempotency_key: str | None = None,
        **parameters: object,
    ) -> Any:
        """Create, update, upsert or delete (`action`) a record; `parameters` fill the path. What the system answers.

        `based_on` is the record as it was read, or `version` its version: where it changed since, nothing is written,
        and that is a `RemoteConflict`. So is a try whose first answer was lost. `idempotency_key` is used where the
        write takes one, and is the same on each try of whoever repeats a call.

        Raises `InvalidInput` where the system has no such write or version, `IntegrationError`.
        """
        write = self.description.writes.get(action)
        if write is None:
            there = ", ".join(self.description.writes) or "none"
            raise InvalidInput(f"{self._http.system} is not known to {action} here (what is known: {there})")
        options = options_of(
            write,
            record,
            concurrency=self.description.concurrency,
            based_on=based_on,
            version=version,
            idempotency_key=idempotency_key,
        )
        if self._takes_keys and idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        answer = self._http.request(write.method, write.path, parameters, **options)
        if answer.status == 204 or not answer.body:
            return None
        return answer.document if "json" in answer.media_type else answer.text

    def _by_post(
        self,
        parameters: Mapping[str, object] | None,
        body: Mapping[str, Any],
        changed: Mapping[str, str],
        query: Mapping[str, object],
        start: PageRequest | None,
        options: Mapping[str, Any],
    ) -> Iterator[Page]:
        """Pages of a list that is asked for by POST: what leads on goes into the body."""
        resource = self.description
        paging = resource.paging
        max_pages = options.get("max_pages", MAX_PAGES)
        rest = {name: value for name, value in options.items() if name != "max_pages"}

        def fetch(request: PageRequest) -> Answer:
            goes_on = paging.then is not None and bool(request.query)
            sent = placed({}, request.query) if goes_on else placed(body, [*changed.items(), *request.query])
            path = paging.then if goes_on and paging.then is not None else resource.path
            return self._http.post(path, parameters, query=query, json=sent, may_repeat=True, **rest)

        return pages(style_of(paging), fetch, records_at(resource.records), start=start, max_pages=max_pages)

    def _since(self, since: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """The parameters and the headers that ask for what changed."""
        rule = self.description.since
        if rule is None:
            raise InvalidInput(f"{self._http.system} cannot be asked for what changed in this list")
        if rule.header is not None:
            return {}, {rule.header: instant(rule, since)}
        return {rule.parameter or "": instant(rule, since), **rule.along}, {}

    def _delta(self) -> Delta:
        if self.description.delta is None:
            raise InvalidInput(f"{self._http.system} gives no marks for this list, to go on from later")
        return self.description.delta
