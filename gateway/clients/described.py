"""A client for a system that is described as data: the section `api` of its catalogue entry.

crm = DescribedClient.for_provider("hubspot", TokenAuth(source))
for contact in crm.resource("contacts").records(since=yesterday): ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jmespath

from gateway.clients import errors
from gateway.clients.auth.base import ApiKey, Auth, Basic, Bearer, TokenAuth, TokenSource, Unauthenticated
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError
from gateway.clients.judging import Judge, by_status, excerpt, failure
from gateway.clients.limits import Rate
from gateway.clients.paging.styles import (
    Cursor,
    HeaderToken,
    Keyset,
    LinkHeader,
    NextUrl,
    Offset,
    Page,
    PageNumber,
    PageRequest,
    PageStyle,
    SinglePage,
)
from gateway.clients.values import Answer
from gateway.clients.waits import STANDARD_WAITS, Unit, WaitHeader, wait_seconds
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.providers import catalogue, find_provider
from gateway.providers.api.model import Api, Credential, ErrorShape, Paging, Resource, Since
from gateway.suggestions import suggest

KINDS: Final[Mapping[str, type[IntegrationError]]] = {
    "authentication": errors.AuthenticationFailed,
    "authorization": errors.AuthorizationFailed,
    "conflict": errors.RemoteConflict,
    "not_found": errors.RemoteNotFound,
    "quota": errors.QuotaExhausted,
    "rate_limited": errors.RateLimited,
    "refused": errors.RequestRefused,
    "unavailable": errors.Unavailable,
}


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


def base_url_of(api: Api, parameters: Mapping[str, str]) -> str:
    """The base URL with its parameters. Raises `InvalidInput`."""
    if left := sorted(parameters.keys() - api.parameters.keys()):
        there = ", ".join(api.parameters) or "none"
        raise InvalidInput(f"the base URL has no parameter {', '.join(left)} (there is: {there})")
    url = api.base_url
    for name, parameter in api.parameters.items():
        value = parameters.get(name, parameter.default)
        if value is None:
            raise InvalidInput.at(f"parameters.{name}", "missing", f"{name} is missing: {parameter.about}")
        if re.fullmatch(parameter.pattern, value, re.ASCII) is None:
            raise InvalidInput.at(f"parameters.{name}", "malformed", f"{name} cannot be {value!r}: {parameter.about}")
        url = url.replace("{" + name + "}", value)
    return url


def auth_of(place: Credential, given: str | Auth | TokenSource | None) -> Auth:
    """What proves whose calls are, with `given` where the entry says. Raises `InvalidInput`, `ValueError`."""
    if given is None or place.kind == "none":
        return Unauthenticated()
    if isinstance(given, str):
        match place.kind:
            case "header":
                return ApiKey(given, header=place.name)
            case "query":
                return ApiKey(given, query=place.name)
            case "basic":
                return _basic(place, given)
            case _:
                return Bearer(given, scheme=place.scheme)
    return TokenAuth(given, scheme=place.scheme) if isinstance(given, TokenSource) else given


def _basic(place: Credential, given: str) -> Auth:
    if place.username == "key":
        return Basic(given, "")
    if place.username:
        return Basic(place.username, given)
    name, colon, password = given.partition(":")
    if not colon:
        raise InvalidInput("this system takes a name and a password or key: give them as name:password")
    return Basic(name, password)


def style_of(paging: Paging) -> PageStyle:
    """The style that an entry describes."""
    size = paging.size or 1
    match paging.style:
        case "link":
            return LinkHeader()
        case "next_url":
            return NextUrl(paging.path or "")
        case "cursor":
            return Cursor(paging.parameter or "", paging.path or "", more=paging.more)
        case "header":
            return HeaderToken(paging.parameter or "", paging.header or "")
        case "keyset":
            return Keyset(paging.parameter or "", paging.key or "id", more=paging.more)
        case "page":
            return PageNumber(
                paging.parameter or "page",
                size=size,
                size_parameter=paging.size_parameter,
                start=paging.start,
                pages=paging.pages,
            )
        case "offset":
            return Offset(paging.parameter or "offset", size=size, size_parameter=paging.size_parameter)
        case _:
            return SinglePage()


def judge_of(api: Api) -> Judge:
    """What tells failures of a system by its entry."""
    said_in = (*(WaitHeader(wait.header, Unit(wait.unit), wait.when_used_up) for wait in api.waits), *STANDARD_WAITS)
    find = _Finder(api.errors)

    def judge(answer: Answer, now: float) -> IntegrationError | None:
        error = by_status(answer, now, said_in=said_in)
        if error is None and find.inside_success is None:
            return None
        document = _document(answer)
        if error is None and not find.is_inside_success(document):
            return None
        code, message = find.code(document), find.message(document)
        kind = find.kind(code) or (type(error) if error is not None else errors.RequestRefused)
        wait = error.retry_after_seconds if error is not None else None
        if wait is None and issubclass(kind, errors.RateLimited | errors.Unavailable):
            wait = wait_seconds(answer.headers, said_in, now=now)
        if kind is not type(error) or message:
            told = f"the system says {code}" if code is not None else "the system refuses it"
            error = failure(kind, told, answer, vendor_code=code, retry_after_seconds=wait)
            if message:
                error.args = (f"{told} (status {answer.status}): {excerpt(message)}",)
        elif code is not None and error is not None:
            error.call = replace(error.call, vendor_code=code)
        return error

    return judge


class _Finder:
    """Finds in an answer what an entry says about errors."""

    def __init__(self, shape: ErrorShape) -> None:
        self.inside_success = _compiled(shape.inside_success)
        self._code = _compiled(shape.code)
        self._message = _compiled(shape.message)
        self._codes = shape.codes

    def is_inside_success(self, document: Any) -> bool:
        return self.inside_success is not None and self.inside_success(document) is True

    def code(self, document: Any) -> str | None:
        found = self._code(document) if self._code is not None else None
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None

    def message(self, document: Any) -> str:
        found = self._message(document) if self._message is not None else None
        return found if isinstance(found, str) else ""

    def kind(self, code: str | None) -> type[IntegrationError] | None:
        return KINDS[self._codes[code]] if code is not None and code in self._codes else None


def _compiled(path: str | None) -> Callable[[Any], Any] | None:
    return jmespath.compile(path).search if path is not None else None


def _document(answer: Answer) -> Any:
    try:
        return answer.document
    except ValueError:
        return None
