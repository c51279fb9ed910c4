"""Whether a section `oauth` that has the right shape also makes sense: the rules that span several keys. Pure.

Fail closed: what could send a secret or a token elsewhere than the entry's reader thinks, or show it in a browser or a
URL, is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers.oauth.hosts import host_faults, takes_what_leads_astray, url_fault
from gateway.providers.oauth.model import Grant, OAuth
from gateway.providers.oauth.parts import Call, Texts
from gateway.providers.oauth.templates import FROM_THE_START, GIVEN_LATER, SECRETS, known_at, named, names_in
from gateway.providers.oauth.words import IN_METADATA


def faults(oauth: OAuth) -> list[str]:
    """What is wrong with the section, one line each, `key: reason`."""
    return [
        *_endpoints(oauth),
        *_urls(oauth),
        *_templates(oauth),
        *_names(oauth),
        *_parameters(oauth),
        *_replacements(oauth),
        *_grants(oauth),
        *_refresh(oauth),
        *_tokens_in_calls(oauth),
        *_notices(oauth),
    ]


def calls(oauth: OAuth) -> Iterator[tuple[str, str, Call]]:
    """Every request besides those of the standard: its key, the step at which it is sent, and it."""
    account = oauth.account
    found = (
        ("after_exchange", "after_exchange", oauth.after_exchange.call if oauth.after_exchange else None),
        ("account", "account", account.call if account else None),
        ("account.details", "connected", account.details if account else None),
        ("check", "connected", oauth.check),
        ("refresh.call", "connected", oauth.refresh.call),
        ("revoke", "revoke", oauth.revoke.call if oauth.revoke else None),
        ("introspection", "revoke", oauth.introspection.call if oauth.introspection else None),
    )
    return ((key, step, call) for key, step, call in found if call is not None)


def urls(oauth: OAuth) -> Iterator[tuple[str, str, str]]:
    """Every URL: its key, the step at which it is called, and it."""
    authorize = oauth.authorize
    found = (
        ("discovery", "authorize", oauth.discovery),
        ("request_token.url", "token", oauth.request_token.url if oauth.request_token else None),
        ("authorize.url", "authorize", authorize.url if authorize else None),
        ("authorize.pushed.url", "authorize", authorize.pushed.url if authorize and authorize.pushed else None),
        ("token.url", "token", oauth.token.url),
        ("refresh.url", "connected", oauth.refresh.url),
        ("api.base_url", "connected", oauth.api.base_url),
        *((f"grants.{name}.url", "authorize", grant.url) for name, grant in oauth.grants.items()),
        *((f"{key}.url", step, call.url) for key, step, call in calls(oauth)),
    )
    return ((key, step, url) for key, step, url in found if url is not None)


def templates(oauth: OAuth) -> Iterator[tuple[str, str, Texts]]:
    """Everything else with names in it: its key, the step, the texts by name."""
    if oauth.authorize is not None:
        yield "authorize.parameters", "authorize", oauth.authorize.parameters
    yield "refresh.needs.parameters", "authorize", oauth.refresh.needs.parameters
    if oauth.redirect_uri is not None:
        yield "redirect_uri", "authorize", {"": oauth.redirect_uri}
    if oauth.client.id is not None:
        yield "client.id", "authorize", {"": oauth.client.id}
    if oauth.issuer.value is not None:
        yield "issuer.value", "authorize", {"": oauth.issuer.value}
    yield "token.parameters", "token", oauth.token.parameters
    yield "token.headers", "token", oauth.token.headers
    for name, grant in oauth.grants.items():
        yield f"grants.{name}.parameters", "token", grant.parameters
        if grant.assertion is not None:
            yield f"grants.{name}.assertion.claims", "token", grant.assertion.claims
            yield f"grants.{name}.assertion.audience", "token", {"": grant.assertion.audience or ""}
    yield "refresh.parameters", "connected", oauth.refresh.parameters
    yield "api.value", "connected", {"": oauth.api.value}
    yield "api.headers", "connected", oauth.api.headers
    yield "api.query", "connected", oauth.api.query
    for key, step, call in calls(oauth):
        for part, texts in (("query", call.query), ("body", call.body), ("headers", call.headers)):
            yield f"{key}.{part}", step, texts
        yield f"{key}.authorization", step, {"": call.authorization or ""}


def _endpoints(oauth: OAuth) -> Iterator[str]:
    wanted = [("token", oauth.token.url)]
    if oauth.authorize is not None:
        wanted.append(("authorize", oauth.authorize.url))
        if oauth.authorize.pushed is not None:
            wanted.append(("authorize.pushed", oauth.authorize.pushed.url))
    wanted += [(key, call.url) for key, _step, call in calls(oauth)]
    if "device_code" in oauth.grants:
        wanted.append(("grants.device_code", oauth.grants["device_code"].url))
    for key, url in wanted:
        if url is None and key not in IN_METADATA:
            yield f"{key}.url: is needed"
        elif url is None and oauth.discovery is None:
            yield f"{key}.url: is needed where there is no `discovery` to name it"
    if oauth.discovery is None and oauth.token.authentication == "discovered":
        yield "token.authentication: without `discovery` nothing tells"
    if oauth.discovery is None and oauth.issuer.claims:
        yield "issuer.claims: are for what `discovery` says of the issuer"


def _urls(oauth: OAuth) -> Iterator[str]:
    for key, _step, url in urls(oauth):
        yield from (f"{key}: {fault}" for fault in host_faults(url, oauth))
        for name in sorted(SECRETS & set(named(url))):
            yield f"{key}: {name!r} is a secret, and URLs stand in logs: it goes into a query, a body or a header"


def _templates(oauth: OAuth) -> Iterator[str]:
    known = known_at(oauth)
    found = [(key, step, {"": url}) for key, step, url in urls(oauth)]
    for key, step, texts in (*found, *templates(oauth)):
        for name in sorted(names_in(texts.values()) - known[step]):
            yield f"{key}: {name!r} stands in braces, and is not known at this step"


def _names(oauth: OAuth) -> Iterator[str]:
    places = {
        "parameters": set(oauth.parameters),
        "callback.keep": set(oauth.callback.keep),
        "answer.keep": set(oauth.answer.keep),
        "after_exchange.keep": set(oauth.after_exchange.keep) if oauth.after_exchange else set(),
    }
    taken = FROM_THE_START | GIVEN_LATER
    for key, names in places.items():
        for name in sorted(names & taken):
            yield f"{key}.{name}: is a name of the gateway's own, or is used twice"
        taken = taken | names


def _replacements(oauth: OAuth) -> Iterator[str]:
    for name, kept in oauth.kept.items():
        if kept.replaces is None:
            continue
        if kept.replaces not in oauth.parameters or not oauth.parameters[kept.replaces].choices:
            yield f"keep.{name}: replaces {kept.replaces!r}, which is no parameter with choices"
        if name not in oauth.callback.keep:
            yield f"keep.{name}: replaces a parameter too late: the callback's query comes before the exchange"


def _parameters(oauth: OAuth) -> Iterator[str]:
    in_urls = {name for _key, _step, url in urls(oauth) for name in named(url)}
    used = in_urls | names_in(text for _key, _step, texts in templates(oauth) for text in texts.values())
    if oauth.account is not None and oauth.account.source == "parameter":
        used.add(oauth.account.id or "")
    for name, parameter in oauth.parameters.items():
        if name not in used:
            yield f"parameters.{name}: stands in braces nowhere"
        for key, text in (("default", parameter.default), ("example", parameter.example)):
            if parameter.kind == "url" and text is not None and (fault := url_fault(text, plain_http=True)):
                yield f"parameters.{name}.{key}: {fault}"
        if name not in in_urls or parameter.kind == "url" or parameter.choices:
            continue
        if parameter.pattern is None or takes_what_leads_astray(parameter.pattern):
            yield f"parameters.{name}: stands in a URL, and needs a pattern that takes no @, /, ?, # or :"
        if parameter.optional:
            yield f"parameters.{name}: stands in a URL, and is not optional"


def _grants(oauth: OAuth) -> Iterator[str]:
    by_browser = oauth.kind == "oauth1" or "authorization_code" in oauth.grants
    if by_browser != (oauth.authorize is not None):
        yield "authorize: belongs to the grant authorization_code, which needs it"
    if (oauth.kind == "oauth1") != (oauth.request_token is not None):
        yield "request_token: is the first step of OAuth 1.0a, which needs it"
    if oauth.api.is_signed and oauth.kind != "oauth1":
        yield "api.is_signed: is for oauth1"
    for name, grant in oauth.grants.items():
        yield from (f"grants.{name}.{fault}" for fault in _grant(name, grant))
    if oauth.account is not None and oauth.account.source in {"parameter", "callback"}:
        place = oauth.parameters if oauth.account.source == "parameter" else oauth.callback.keep
        if oauth.account.id not in place:
            yield f"account.id: {oauth.account.id!r} is none of the names that are {oauth.account.source}'s"


def _grant(name: str, grant: Grant) -> Iterator[str]:
    if grant.url is not None and name != "device_code":
        yield "url: is where device codes are asked for"
    if (grant.assertion is not None) != (name == "jwt_bearer"):
        yield "assertion: is what jwt_bearer sends, which needs it"


def _refresh(oauth: OAuth) -> Iterator[str]:
    refresh = oauth.refresh
    if not refresh.is_possible:
        given = (refresh.url, refresh.lifetime_seconds, refresh.lifetime_field, refresh.idle_seconds)
        if any(one is not None for one in given) or refresh.needs.scopes or refresh.needs.parameters:
            yield f"refresh: where the style is {refresh.style}, there is nothing to say of a refresh token"
    if oauth.authorize is None and (refresh.needs.scopes or refresh.needs.parameters):
        yield "refresh.needs: nobody is asked without `authorize`"


def _tokens_in_calls(oauth: OAuth) -> Iterator[str]:
    for key, _step, call in calls(oauth):
        if call.authentication == "token" and "access_token" in names_in((*call.query.values(), *call.body.values())):
            yield f"{key}.authentication: the token stands among the parameters, so say who calls: nobody, as a rule"
        if call.method == "GET" and call.body:
            yield f"{key}.body: a GET has none"


def _notices(oauth: OAuth) -> Iterator[str]:
    kept = {name for name, one in oauth.kept.items() if not one.secret}
    known = {"account": {"account_id", *oauth.parameters, *kept}, "app": {"client_id", *kept}}
    told: set[tuple[str, tuple[str, ...]]] = set()
    for notice in oauth.ended_by:
        for key, names in (("account", notice.account), ("app", notice.app)):
            for name in sorted(names.keys() - known[key]):
                yield f"ended_by.{key}: {name!r} is nothing that a connection or its app has in the open"
        for name in sorted(set(notice.without) - known["account"]):
            yield f"ended_by.without: {name!r} is nothing that a connection has in the open"
        for event in notice.events:
            if (event, notice.without) in told:
                yield f"ended_by.events: {event!r} is there twice"
            told.add((event, notice.without))
