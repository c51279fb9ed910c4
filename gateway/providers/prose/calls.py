"""How a provider's API is called, in words: the section `api` of its entry. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers.api.model import Api, Paging, Resource, Write
from gateway.providers.ways import Trial

_PAGING = {
    "single": "all at once",
    "link": "the `Link` header leads on",
    "next_url": "`{path}` holds the next page's URL",
    "cursor": "`{path}` goes into `{parameter}`",
    "header": "the header `{header}` goes into `{parameter}`",
    "keyset": "the last record's key goes into `{parameter}`",
    "page": "by page number",
    "offset": "by offset",
}
_DELETIONS = {
    "absent": "what is gone is missing from the whole list",
    "flag": "what is gone is marked (`{deleted}`)",
    "history": "what is gone is among the events",
    "list": "what is gone has a list of its own",
    "webhook": "what is gone is told by webhooks",
}


def call_lines(api: Api, trial: Trial | None) -> Iterator[str]:
    """What there is to know before calling it."""
    yield f"Base URL: `{api.base_url}` ({api.docs})."
    for name, url in api.services.items():
        yield f"Service `{name}`: `{url}`."
    for name, parameter in api.parameters.items():
        yield f"Parameter `{name}`: {parameter.about}."
    yield f"Credentials: {_credential(api)}."
    for name, secret in api.credential.also.items():
        place = f"the header `{secret.header}`" if secret.header else f"the parameter `{secret.query}`"
        yield f"Beside them the secret `{name}`, in {place}: {secret.about}."
    if trial is not None:
        yield f"Whether they are good shows `{trial.method} {trial.url}`."
    for name, value in api.headers.items():
        yield f"Every request carries `{name}: {value}`."
    for rate in api.rates:
        yield f"Held back: at most {rate.calls} calls in {rate.seconds} s."
    if api.idempotency_header is not None:
        yield f"Writes carry a key in `{api.idempotency_header}`, and are sent again like reads."
    if api.errors.inside_success is not None:
        yield f"An error may come with status 200: where `{api.errors.inside_success}`."
    for name, resource in api.resources.items():
        yield f"List `{name}`: {_list(resource)}."
    yield from api.quirks
    if api.by:
        yield f"Read for this: {'; '.join(api.by)}."


def _credential(api: Api) -> str:
    place = api.credential
    match place.kind:
        case "header":
            return f"a key in the header `{place.name}`" + (f", after `{place.prefix}`" if place.prefix else "")
        case "query":
            return f"a key in the parameter `{place.name}`"
        case "basic":
            return "Basic: a key" if place.username else "Basic: a name and a password or key, as `name:password`"
        case "none":
            return "none"
        case _:
            return f"`Authorization: {place.scheme} …`"


def _list(resource: Resource) -> str:
    by = f"{resource.method} " if resource.method != "GET" else ""
    at = f" at `{resource.service}`" if resource.service is not None else ""
    parts = [f"{by}`{resource.path}`{at}", _paging(resource.paging)]
    if resource.since is not None:
        place = f"the header `{resource.since.header}`" if resource.since.header else f"`{resource.since.parameter}`"
        parts.append(f"what changed since a time by {place}")
    if resource.delta is not None:
        parts.append(f"what changed since the last reading by its mark `{resource.delta.path}`")
    parts.append(_DELETIONS[resource.deletions].format(deleted=resource.deleted))
    if resource.writes:
        parts.append("writes: " + ", ".join(map(_write, resource.writes.items())))
    if resource.concurrency is not None:
        bound = resource.concurrency
        parts.append(f"only of the version that was read, by `{bound.version}` in `{bound.header or bound.field}`")
    return "; ".join(parts)


def _write(item: tuple[str, Write]) -> str:
    name, write = item
    place = write.idempotency_header or write.idempotency_field
    return f"{name} (with a key in `{place}`)" if place is not None else name


def _paging(paging: Paging) -> str:
    return _PAGING[paging.style].format(path=paging.path, parameter=paging.parameter, header=paging.header)
