"""Mistakes with the URL, for providers that sign it: scheme, host, port, path or query other than registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from gateway.providers import Scheme
from gateway.providers.webhook.places import places_of
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause
from gateway.webhooks.explain.trial import Trial

MAX_URLS = 600
URL_KINDS = frozenset({"url", "url_base", "host", "path", "query", "atlassian_qsh"})
_PLAIN_PORTS = ("", ":443", ":80", ":8080", ":8000", ":8443")


def signs_url(scheme: Scheme) -> bool:
    """Whether the URL, or a part of it, is part of what the scheme checks."""
    if scheme.function in {"contentful", "plivo_v3", "truelayer_jws"}:
        return True
    checks = (*scheme.checks, *(scheme.jwt.checks if scheme.jwt is not None else ()))
    templates = [*scheme.signs, *(check.equals for check in checks if check.equals is not None)]
    return any(place.kind in URL_KINDS for template in templates for place in places_of(template))


def url_trials(case: Case) -> Iterator[Trial]:
    """The request with every URL under which the provider may know the gateway; the nearest ones first."""
    if not any(signs_url(scheme) for scheme in case.schemes()):
        return
    try:
        parts = urlsplit(case.request.url)
    except ValueError:
        return
    for other in _candidates(case, parts):
        yield Trial(
            case.with_request(url=urlunsplit(other)),
            Cause.URL,
            f"{case.provider.name} signs the URL, and signed another one: {'; '.join(_differences(parts, other))}.",
            _remedy(case, parts, other),
            hints=[case.hint("show_source")],
        )


def _candidates(case: Case, parts: SplitResult) -> list[SplitResult]:
    found = {
        SplitResult(scheme, host + port, path, query, "")
        for scheme, (host, port), path, query in product(
            _schemes(case, parts), _authorities(case, parts), _paths(case, parts), _queries(case, parts)
        )
    }
    found.discard(parts._replace(fragment=""))
    near = sorted(found, key=lambda other: (sum(a != b for a, b in zip(parts, other, strict=True)), other))
    return near[:MAX_URLS]


def _schemes(case: Case, parts: SplitResult) -> Sequence[str]:
    return list(dict.fromkeys((parts.scheme, "https", "http")))


def _authorities(case: Case, parts: SplitResult) -> list[tuple[str, str]]:
    hosts = [parts.netloc]
    for name in ("host", "x-forwarded-host", "x-original-host", "x-host", "x-forwarded-server"):
        hosts += [one.strip() for one in (case.header(name) or "").split(",") if one.strip()]
    for element in (case.header("forwarded") or "").split(";"):
        key, _equals, value = element.partition("=")
        if key.strip().lower() == "host":
            hosts.append(value.strip('" '))
    ports = [*_PLAIN_PORTS, *(f":{port}" for port in [case.header("x-forwarded-port")] if port and port.isdigit())]
    found: list[tuple[str, str]] = []
    for host in dict.fromkeys(hosts):
        name, colon, port = host.rpartition(":")
        bare = name if colon and port.isdigit() else host
        found += [(bare, one) for one in dict.fromkeys([host[len(bare) :], *ports])]
    return list(dict.fromkeys(found))


def _paths(case: Case, parts: SplitResult) -> list[str]:
    path = parts.path
    found = [path, path[:-1] if path.endswith("/") else path + "/", unquote(path)]
    for name in ("x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-envoy-original-path"):
        found += [urlsplit(value).path for value in [case.header(name)] if value and value.startswith("/")]
    prefix = (case.header("x-forwarded-prefix") or case.header("x-script-name") or "").rstrip("/")
    if prefix.startswith("/"):
        found.append(prefix + path)
    segments = path.split("/")
    found += ["/" + "/".join(segments[count:]) for count in range(2, len(segments))]
    return list(dict.fromkeys([*found, ""]))


def _queries(case: Case, parts: SplitResult) -> list[str]:
    found = [parts.query, "", unquote(parts.query)]
    for name in ("x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-envoy-original-path"):
        found += [value.partition("?")[2] for value in [case.header(name)] if value]
    return list(dict.fromkeys(found))


def _differences(ours: SplitResult, signed: SplitResult) -> Iterator[str]:
    if ours.scheme != signed.scheme:
        yield f"{signed.scheme} where the gateway has {ours.scheme}"
    if ours.netloc != signed.netloc:
        yield f"the host {signed.netloc} where the gateway has {ours.netloc}"
    if ours.path != signed.path:
        if ours.path.rstrip("/") == signed.path.rstrip("/"):
            yield f"{'with' if signed.path.endswith('/') else 'without'} a slash at the end of the path"
        elif signed.path.endswith(ours.path):
            yield f"with {signed.path[: -len(ours.path)]} before the path, which something on the way took off"
        else:
            yield "another path"
    if ours.query != signed.query:
        yield "with a query that was lost on the way" if len(signed.query) > len(ours.query) else "without the query"


def _remedy(case: Case, ours: SplitResult, signed: SplitResult) -> str:
    if (ours.scheme, ours.netloc) != (signed.scheme, signed.netloc) and ours.path == signed.path:
        return (
            f"Set GATEWAY_BASE_URL to {signed.scheme}://{signed.netloc}, the address as {case.provider.name} knows it, "
            "and start the gateway anew."
        )
    return (
        f"The URL registered at {case.provider.name} must be the source's, to the letter: change it there, or let the "
        "proxy pass path and query as they come and set GATEWAY_BASE_URL to the public address."
    )
