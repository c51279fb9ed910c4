"""How a provider's API is called, in words: the section `api` of its entry. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers.api.model import Api, Paging, Resource

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
    "flag": "what is gone is marked",
    "history": "what is gone is among the events",
    "list": "what is gone has a list of its own",
    "webhook": "what is gone is told by webhooks",
}


def call_lines(api: Api) -> Iterator[str]:
    """What there is to know before calling it."""
    yield f"Base URL: `{api.base_url}` ({api.docs})."
    for name, parameter in api.parameters.items():
        yield f"Parameter `{name}`: {parameter.about}."
    yield f"Credentials: {_credential(api)}."
    for rate in api.rates:
        yield f"Held back: at most {rate.calls} calls in {rate.seconds} s."
    if api.idempotency_header is not None:
        yield f"Writes carry a key in `{api.idempotency_header}`, and are sent again like reads."
    if api.errors.inside_success is not None:
        yield f"An error may come with status 200: where `{api.errors.inside_success}`."
    for name, resource in api.resources.items():
        yield f"List `{name}`: {_list(resource)}."
    yield from api.quirks


def _credential(api: Api) -> str:
    place = api.credential
    match place.kind:
        case "header":
            return f"a key in the header `{place.name}`"
        case "query":
            return f"a key in the parameter `{place.name}`"
        case "basic":
            return "Basic: a key" if place.username else "Basic: a name and a password"
        case "none":
            return "none"
        case _:
            return f"`Authorization: {place.scheme} …`"


def _list(resource: Resource) -> str:
    parts = [f"`{resource.path}`", _paging(resource.paging)]
    if resource.since is not None:
        parts.append(f"what changed since a time by `{resource.since.parameter}`")
    parts.append(_DELETIONS[resource.deletions])
    if resource.writes:
        parts.append("writes: " + ", ".join(resource.writes))
    return "; ".join(parts)


def _paging(paging: Paging) -> str:
    return _PAGING[paging.style].format(path=paging.path, parameter=paging.parameter, header=paging.header)
