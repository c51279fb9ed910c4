"""A client for servers of FHIR R4: https://hl7.org/fhir/R4/http.html.

    fhir = FhirClient.for_backend("https://ehr.example.com/fhir", "client-id", private_key, scope="system/Patient.rs")
    for patient in fhir.search("Patient", {"identifier": "urn:mrn|17"}):
        print(patient.version_id, patient.content)

Lines, errors and the `repr` of values hold no content and no id of a resource, and nothing that a server said in words:
searches travel in bodies, paths show as `/Patient/{id}`, of an outcome only its codes go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.clients.auth.base import Auth, TokenAuth
from gateway.clients.auth.tokens import private_key_jwt
from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteConflict, RemoteNotFound, ResponseInvalid
from gateway.clients.paging.styles import NextUrl, Page, PageRequest
from gateway.clients.systems import fhir_bundles, fhir_outcome
from gateway.clients.systems.fhir_bundles import EntryOutcome, Interaction, SearchPage
from gateway.clients.systems.fhir_capability import Capability, capability_in
from gateway.clients.systems.fhir_resources import (
    Change,
    Resource,
    Written,
    condition,
    etag,
    instant,
    resource_id,
    resource_in,
    resource_type,
    to_create,
    to_patch,
    to_update,
    written_in,
)
from gateway.clients.values import Answer
from gateway.clock import Clock, SystemClock
from gateway.errors import InvalidInput

FHIR_JSON: Final = "application/fhir+json"
PATCH_JSON: Final = "application/json-patch+json"

_NEXT: Final = "link[?relation=='next'].url | [0]"
# What the client that gets tokens has in common with the one that uses them.
_SHARED_OPTIONS: Final = frozenset(
    {"allow_http", "clock", "observers", "policy", "random", "resolver", "retries", "session", "sleep", "ssl_context"}
    | {"timeout"}
)


class FhirClient:
    """One FHIR server. `http` is the client that carries its calls out. Safe from any thread."""

    def __init__(self, base_url: str, *, auth: Auth | None = None, **options: Any) -> None:
        """`base_url` is the server's `[base]`; `options` are those of `ApiClient`. Raises `ValueError`."""
        given: dict[str, Any] = {"system": "fhir", "judge": fhir_outcome.judge, "headers": {"Accept": FHIR_JSON}}
        self.http = ApiClient(base_url, auth=auth, **given | options)
        self._clock: Clock = options.get("clock") or SystemClock()

    @classmethod
    def for_backend(
        cls,
        base_url: str,
        client_id: str,
        key: str | bytes | Mapping[str, Any],
        *,
        scope: str,
        algorithm: str = "RS384",
        key_id: str | None = None,
        token_url: str | None = None,
        **options: Any,
    ) -> FhirClient:
        """A client with a token of SMART Backend Services, got by a signed assertion and renewed before it ends.

        Without `token_url` the server is asked once where tokens are given. Raises `IntegrationError`,
        `ResponseInvalid` when it does not say, `ValueError` for a key that is none for `algorithm`.
        https://hl7.org/fhir/smart-app-launch/backend-services.html
        """
        shared = {name: value for name, value in options.items() if name in _SHARED_OPTIONS}
        if token_url is None:
            with ApiClient(base_url, system="fhir", judge=fhir_outcome.judge, **shared) as asking:
                found = asking.json("GET", "/.well-known/smart-configuration")
            token_url = found.get("token_endpoint") if isinstance(found, Mapping) else None
            if not isinstance(token_url, str):
                raise ResponseInvalid("fhir: the server does not say where tokens are given: pass token_url")
        source = private_key_jwt(
            token_url, client_id, key, algorithm=algorithm, key_id=key_id, scope=scope, system="fhir tokens", **shared
        )
        return cls(base_url, auth=TokenAuth(source), **options)

    def __repr__(self) -> str:
        return f"FhirClient({self.http!r})"

    def capability(self) -> Capability:
        """What the server can do: its CapabilityStatement."""
        found = self._document(self.http.get("/metadata"))
        if found.get("resourceType") != "CapabilityStatement":
            raise ResponseInvalid("fhir: no CapabilityStatement came: probably the base URL is not the server's [base]")
        return capability_in(found)

    def read(self, name: str, identifier: str, *, version_id: str | None = None) -> Resource:
        """A resource, or an older version of it. Raises `RemoteNotFound`, also for a deleted one (410)."""
        path, parameters = _place(name, identifier)
        if version_id is not None:
            path, parameters = f"{path}/_history/{{version}}", parameters | {"version": resource_id(version_id)}
        return resource_in(self._document(self.http.get(path, parameters)))

    def read_if_changed(self, name: str, identifier: str, *, version_id: str) -> Resource | None:
        """A resource, None when it is still at `version_id`."""
        path, parameters = _place(name, identifier)
        answer = self.http.get(path, parameters, headers={"If-None-Match": etag(version_id)})
        return resource_in(self._document(answer)) if answer.status != 304 else None

    def search(self, name: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Iterator[Resource]:
        """The resources that match, one by one; the options are those of `search_pages`."""
        for page in self.search_pages(name, parameters, **options):
            yield from page.matches

    def search_pages(
        self,
        name: str,
        parameters: Mapping[str, object] | None = None,
        *,
        updated_since: datetime | None = None,
        count: int | None = None,
        in_body: bool = True,
        start: PageRequest | None = None,
        **options: Any,
    ) -> Iterator[SearchPage]:
        """The pages of a search, to its end; `start` goes on from a page's `following`.

        `updated_since` finds what changed from then on, that instant included, oldest first. The search is sent as
        `POST _search`, which keeps it out of URLs; `in_body=False` is for servers that know GET only. A server that
        leaves out a parameter that it does not know is not believed: `ResponseInvalid`. `options` as in
        `ApiClient.pages`. Raises `RemoteNotFound` when `start` is no longer kept.
        """
        asked = dict(parameters or {})
        if updated_since is not None:
            asked |= {"_lastUpdated": f"ge{instant(updated_since)}", "_sort": "_lastUpdated"}
        if count is not None:
            asked["_count"] = count
        path = f"/{resource_type(name)}"
        where: dict[str, Any] = {"query": asked}
        if in_body:
            path, where = f"{path}/_search", {"form": asked}
        headers = {"Prefer": "handling=strict"}
        for page in self._pages(path, None, start=start, headers=headers, **where, **options):
            bundle = self._document(page.answer)
            left_out = fhir_bundles.ignored(bundle, list(asked)) if page.request == PageRequest() else []
            if left_out:
                raise ResponseInvalid(f"fhir: the server does not know {', '.join(left_out)}, and searched without")
            yield fhir_bundles.search_page(bundle, page.following)

    def history(
        self,
        name: str | None = None,
        identifier: str | None = None,
        *,
        since: datetime | None = None,
        count: int | None = None,
        **options: Any,
    ) -> Iterator[Change]:
        """Versions of one resource, of a type or of everything, newest first, deletions among them.

        Raises `RemoteNotFound` or `RequestRefused` where the server keeps no such history.
        """
        path = "" if name is None else f"/{resource_type(name)}"
        parameters: dict[str, str] = {}
        if identifier is not None:
            if name is None:
                raise InvalidInput("the history of one resource needs its type")
            path, parameters = _place(name, identifier)
        query = {"_since": instant(since) if since is not None else None, "_count": count}
        for page in self._pages(f"{path}/_history", parameters, query=query, **options):
            yield from fhir_bundles.changes(self._document(page.answer))

    def create(self, resource: Mapping[str, Any], *, if_none_exist: Mapping[str, str] | None = None) -> Written:
        """Create a resource, unless `if_none_exist` (search parameters) finds one, which is told then.

        With it a create may be repeated, and is. Raises `InvalidInput`, `RemoteConflict` when several are found.
        """
        name = to_create(resource)
        headers = {"If-None-Exist": condition(if_none_exist)} if if_none_exist is not None else {}
        answer = self.http.post(
            f"/{name}",
            json=dict(resource),
            content_type=FHIR_JSON,
            headers=headers,
            may_repeat=if_none_exist is not None,
        )
        return written_in(answer, name, None)

    def update(self, resource: Mapping[str, Any], *, if_match: str | None = None) -> Written:
        """Put a resource under its id, in place of version `if_match` only where given.

        Raises `InvalidInput`, `RemoteConflict` when it is at another version by now.
        """
        name, identifier = to_update(resource)
        path, parameters = _place(name, identifier)
        with _judged_after_repeats():
            answer = self.http.put(
                path, parameters, json=dict(resource), content_type=FHIR_JSON, headers=_if_match(if_match)
            )
        return written_in(answer, name, identifier)

    def patch(
        self, name: str, identifier: str, operations: Sequence[Mapping[str, Any]], *, if_match: str | None = None
    ) -> Written:
        """Change a resource by a JSON Patch (RFC 6902). With `if_match` it may be repeated, and is.

        Raises `InvalidInput`, `RemoteConflict`.
        """
        path, parameters = _place(name, identifier)
        with _judged_after_repeats():
            answer = self.http.patch(
                path,
                parameters,
                json=to_patch(operations),
                content_type=PATCH_JSON,
                headers=_if_match(if_match),
                may_repeat=if_match is not None,
            )
        return written_in(answer, name, identifier)

    def delete(self, name: str, identifier: str) -> None:
        """Delete a resource; for most servers one that was deleted before is no error."""
        path, parameters = _place(name, identifier)
        self.http.delete(path, parameters)

    def transaction(self, entries: Sequence[Interaction]) -> list[EntryOutcome]:
        """All of `entries` or none. Raises what kept it from being done."""
        found = self._bundle("transaction", entries)
        failed = next((one.error for one in found if one.error is not None), None)
        if failed is not None:
            raise failed
        return found

    def batch(self, entries: Sequence[Interaction]) -> list[EntryOutcome]:
        """Each of `entries` by itself: what failed says so in its outcome (`error`), the others are done."""
        return self._bundle("batch", entries)

    def _bundle(self, kind: str, sent: Sequence[Interaction]) -> list[EntryOutcome]:
        if not sent:
            raise InvalidInput(f"a {kind} has at least one entry")
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [one.entry() for one in sent]}
        may_repeat = all(one.may_repeat for one in sent)
        answer = self.http.post("", json=bundle, content_type=FHIR_JSON, may_repeat=may_repeat)
        return fhir_bundles.outcomes(self._document(answer), sent, kind, self._clock.now_us() / 1e6)

    def _pages(
        self, path: str, parameters: Mapping[str, object] | None, *, start: PageRequest | None = None, **options: Any
    ) -> Iterator[Page]:
        goes_on = start is not None
        try:
            for page in self.http.pages(
                path, parameters, style=NextUrl(_NEXT), records="entry", start=start, **options
            ):
                goes_on = page.following is not None
                yield page
        except RemoteNotFound as error:
            if goes_on:
                error.args = ("fhir: the server no longer keeps this list's next page: read it from the beginning",)
            raise

    def _document(self, answer: Answer) -> Mapping[str, Any]:
        found = answer.document if answer.body else None
        if not isinstance(found, Mapping):
            raise ResponseInvalid("fhir: a resource was due, and nothing or something else came")
        return found


@contextmanager
def _judged_after_repeats() -> Iterator[None]:
    """A conflict that a repeat met may be with what an earlier try of the same call did."""
    try:
        yield
    except RemoteConflict as error:
        if error.call.tries > 1:
            error.call = replace(error.call, may_have_happened=True)
            error.args = (f"{error}; an earlier try may have done it: read the resource",)
        raise


def _place(name: str, identifier: str) -> tuple[str, dict[str, str]]:
    return f"/{resource_type(name)}/{{id}}", {"id": resource_id(identifier)}


def _if_match(version_id: str | None) -> dict[str, str]:
    return {"If-Match": etag(version_id)} if version_id is not None else {}
