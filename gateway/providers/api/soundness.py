"""Whether a section `api` that has the right shape also makes sense: the rules that span several keys. Pure.

Fail closed: what could send a call, or what goes into it, elsewhere than the entry's reader thinks is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.providers.api.model import Api, Resource
from gateway.security.loopback import is_loopback

# What a list that is asked for by POST can be led on by: something that goes into its body as text.
STYLES_BY_POST = frozenset({"single", "cursor", "keyset"})


def faults(api: Api) -> list[str]:
    """What is wrong with the section, one line each, `key: reason`."""
    found = [*_urls(api), *_parameters(api), *_further_secrets(api)]
    for name, resource in api.resources.items():
        found += [f"resources.{name}.{fault}" for fault in _resource(api, resource)]
    return found


def named(text: str) -> list[str]:
    """The names that stand in braces."""
    return re.findall(r"\{(\w+)\}", text)


def _urls(api: Api) -> Iterator[str]:
    for key, url in (("base_url", api.base_url), *((f"services.{name}", url) for name, url in api.services.items())):
        # A system on the developer's machine; whether it may be called there is the installation's matter.
        is_here = url.startswith("http://") and is_loopback(urlsplit(re.sub(r"[{}]", "", url)).hostname or "")
        if not (url.startswith("https://") or is_here):
            yield f"{key}: begins with https://"


def _parameters(api: Api) -> Iterator[str]:
    used = {name for text in (api.base_url, *api.services.values(), *api.headers.values()) for name in named(text)}
    for name in sorted(used - api.parameters.keys()):
        yield f"parameters: {name!r} stands in braces, and is not described"
    for name in sorted(api.parameters.keys() - used):
        yield f"parameters.{name}: stands in braces nowhere in `base_url`, `services` and `headers`"


def _further_secrets(api: Api) -> Iterator[str]:
    credential = api.credential
    taken = {"key", "username", "password", *api.parameters}
    places = {"authorization"} | {name.lower() for name in api.headers}
    if credential.kind == "header":
        places.add(credential.name.lower())
    queries = {credential.name} if credential.kind == "query" else set()
    if credential.also and credential.kind == "none":
        yield "credential.also: nothing proves who calls, so there is nothing beside it"
    for name, secret in credential.also.items():
        if name in taken:
            yield f"credential.also.{name}: is the name of something else that is asked for"
        if (secret.header or "").lower() in places or secret.query in queries:
            yield f"credential.also.{name}: something else stands in its place"
        places.add((secret.header or "").lower())
        queries.add(secret.query or "")


def _resource(api: Api, resource: Resource) -> Iterator[str]:
    if resource.service is not None and resource.service not in api.services:
        yield f"service: {resource.service!r} is not among the services ({', '.join(api.services) or 'there is none'})"
    if (resource.deletions == "flag") != (resource.deleted is not None):
        yield "deleted: says which records are gone where `deletions` is flag, and only there"
    if resource.one is not None and not named(resource.one):
        yield "one: has no name in braces, so that it would lead to the same record each time"
    for name, write in resource.writes.items():
        if write.idempotency_header is not None and write.idempotency_field is not None:
            yield f"writes.{name}: has two places for one idempotency key"
        if write.idempotency_header is not None and api.idempotency_header is not None:
            yield f"writes.{name}.idempotency_header: every write has one already"
        if write.idempotency_field is not None and write.method == "DELETE":
            yield f"writes.{name}.idempotency_field: a DELETE has no body"
    yield from _concurrency(resource)
    yield from _paging(resource)
    yield from _changes(resource)


def _concurrency(resource: Resource) -> Iterator[str]:
    concurrency = resource.concurrency
    if concurrency is None:
        return
    if (concurrency.header is None) == (concurrency.field is None):
        yield "concurrency: the version goes into a `header` or into a `field`"
    if concurrency.is_number and concurrency.field is None:
        yield "concurrency.number: is of a `field`"
    if not resource.writes.keys() - {"create"}:
        yield "concurrency: there is no write of a record that was read"


def _paging(resource: Resource) -> Iterator[str]:
    paging = resource.paging
    if resource.method == "POST" and paging.style not in STYLES_BY_POST:
        yield f"paging.style: a list that is asked for by POST can be one of {', '.join(sorted(STYLES_BY_POST))}"
    if resource.method != "POST" and resource.body:
        yield "body: needs `method: POST`"
    if resource.method != "POST" and paging.then is not None:
        yield "paging.then: needs `method: POST`"
    if resource.method == "POST" and paging.size_parameter is not None:
        yield "paging.size_parameter: a number belongs into `body`"
    for key, name in (("parameter", paging.parameter), ("size_parameter", paging.size_parameter)):
        if name is not None and name in resource.query:
            yield f"paging.{key}: stands in `query` too, and would be sent twice"


def _changes(resource: Resource) -> Iterator[str]:
    delta, since = resource.delta, resource.since
    if since is not None and since.header is not None and since.along:
        yield "since.along: goes with a `parameter`"
    if delta is None:
        return
    if resource.method == "POST" and (resource.paging.then is None or delta.parameter != resource.paging.parameter):
        yield "delta: by POST the mark is a cursor: needs `paging.then`, and the same parameter"
    if resource.method != "POST" and delta.parameter in {*resource.query, resource.paging.parameter} - {None}:
        yield "delta.parameter: is used for something else already"
