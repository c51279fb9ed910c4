"""How accounts at a provider are connected, in words: the section `oauth` of its entry. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.errors import Hint
from gateway.providers.model import Provider
from gateway.providers.prose.periods import period
from gateway.providers.prose.words import EVIDENCE

if TYPE_CHECKING:
    from gateway.providers.oauth import hosts, words
    from gateway.providers.oauth.model import OAuth, Refresh
    from gateway.providers.oauth.parts import Call, Parameter
else:
    # Most entries that are shown have no such section.
    hosts = deferred("gateway.providers.oauth.hosts")
    words = deferred("gateway.providers.oauth.words")


def connecting_lines(provider: Provider, oauth: OAuth, say: Callable[[Hint], str]) -> Iterator[str]:
    """What there is to know before an app is registered, and of a connection's life; `say` is `description.Say`."""
    yield f"Kind: {words.KINDS[oauth.kind]}."
    for name, grant in oauth.grants.items():
        if oauth.kind != "oauth1":
            yield f"Way: {words.GRANTS[name]}" + (f"; {grant.note}." if grant.note else ".")
    uri = f"<GATEWAY_BASE_URL>{hosts.redirect_path(provider.id, oauth, '<app credentials>')}"
    yield from setup_lines(provider, oauth, redirect_uri=uri)
    if hosts.chooses_server(oauth):
        yield (
            "Each app credentials have a redirect URI of their own, because a parameter says which server it is: no "
            "server can pass its answer off as another's."
        )
    yield f"Add its app credentials{say(adding_app(provider, oauth))}"
    yield from (f"Parameter `{name}`: {_parameter(one)}" for name, one in oauth.parameters.items())
    if oauth.parameters.keys() - hosts.server_parameters(oauth):
        own = sorted(hosts.server_parameters(oauth))
        but = f", but {' and '.join(f'`{name}`' for name in own)}, which chooses the server" if own else ""
        yield f"Parameters that the app credentials do not have are asked of whoever connects an account{but}."
    yield from _asking(oauth)
    yield from _tokens(oauth)
    yield from _callback(oauth)
    yield from _after(oauth)
    yield from _account(oauth)
    yield from _life(oauth)
    yield from _api(oauth)
    yield from (f"{one[:1].upper()}{one[1:]}." for one in oauth.quirks)


def sources_lines(oauth: OAuth) -> Iterator[str]:
    """What backs the section."""
    yield f"OAuth: {oauth.evidence.level}: {EVIDENCE[oauth.evidence.level]}."
    yield f"By: {'; '.join(oauth.evidence.by)}."


def adding_app(provider: Provider, oauth: OAuth) -> Hint:
    """How app credentials for this provider are added: with which secrets and parameters."""
    needed = [name for name, one in oauth.parameters.items() if one.default is None and not one.optional]
    return Hint(
        "add_app_credentials",
        {
            "name": provider.id,
            "provider": provider.id,
            "has_client_id": oauth.client.id is None,
            "has_secret": oauth.client.has_secret,
            "parameters": needed,
        },
    )


def setup_lines(provider: Provider, oauth: OAuth, *, redirect_uri: str) -> Iterator[str]:
    """What to do at the provider before accounts can be connected, with the redirect URI to enter there."""
    yield from _registration(provider, oauth, redirect_uri)
    yield from oauth.setup


def _registration(provider: Provider, oauth: OAuth, uri: str) -> Iterator[str]:
    if oauth.authorize is None:
        yield f"Register an app at {provider.name}; nobody is sent there with a browser, so it needs no redirect URI."
        return
    if oauth.client.registration == "indieauth":
        yield f"No app is registered: the client id is `{_shown(oauth.client.id or '')}`, and there is no secret."
        yield f"Redirect URI: `{uri}`."
    elif oauth.redirect_uri is not None:
        yield f"Register an app at {provider.name}, with the redirect URI `{uri}`."
        yield f"As `redirect_uri`, `{oauth.redirect_uri}` is sent in its place."
    else:
        yield f"Register an app at {provider.name}, with the redirect URI `{uri}`."


def _parameter(parameter: Parameter) -> str:
    parts = [parameter.about]
    if parameter.choices:
        parts.append("one of " + ", ".join(f"`{one}`" for one in parameter.choices))
    elif parameter.kind == "url":
        parts.append("an HTTPS URL")
    elif parameter.pattern:
        parts.append(f"as `{parameter.pattern}`" + (f", without `{parameter.suffix}`" if parameter.suffix else ""))
    if parameter.example:
        parts.append(f"for example `{parameter.example}`")
    if parameter.default is not None:
        parts.append(f"`{parameter.default}` unless you say otherwise")
    return "; ".join(parts) + ("; may be left out." if parameter.optional else ".")


def _asking(oauth: OAuth) -> Iterator[str]:
    if oauth.discovery is not None:
        yield f"Metadata: `{oauth.discovery}`; what they say wins over the addresses here."
    if oauth.request_token is not None:
        yield f"Request token: `{oauth.request_token.url}`, signed with {oauth.request_token.signature}."
    authorize = oauth.authorize
    if authorize is None:
        return
    if authorize.url is not None:
        yield f"People agree at `{authorize.url}`."
    scopes = f"`{authorize.scope_separator.join(authorize.scopes)}`" if authorize.scopes else "none"
    joined = ", joined by commas" if authorize.scope_separator == "," else ""
    yield f"Scopes, unless you ask for others: {scopes}{joined}."
    if authorize.known_scopes:
        yield f"Scopes that there are: {', '.join(f'`{one}`' for one in authorize.known_scopes)}."
    if authorize.user_scopes_parameter is not None:
        name = authorize.user_scopes_parameter
        yield f"Scopes of the person's own token go into `{name}`: give them as `{name}=SCOPE`."
    if authorize.optional_scopes_parameter is not None:
        name = authorize.optional_scopes_parameter
        yield f"Scopes that may be refused go into `{name}`: give them as `{name}=SCOPE`."
    if authorize.parameters:
        yield f"Sent along: {_texts(authorize.parameters)}."
    if authorize.client_id_parameter != "client_id":
        yield f"The client id goes into `{authorize.client_id_parameter}`."
    if authorize.omit:
        yield f"Not sent: {', '.join(f'`{one}`' for one in authorize.omit)}."
    if oauth.kind != "oauth1":
        yield f"PKCE: {words.PKCE[authorize.pkce]}." + (f" {_sentence(authorize.note)}" if authorize.note else "")
    if authorize.pushed is not None:
        yield "Authorization requests are pushed" + (
            ", and others are refused." if authorize.pushed.required else " where that is possible."
        )


def _tokens(oauth: OAuth) -> Iterator[str]:
    token, answer = oauth.token, oauth.answer
    if token.url is not None:
        yield f"Token endpoint: `{token.url}`" + (", asked in JSON." if token.format == "json" else ".")
    if oauth.client.has_secret and oauth.kind != "oauth1":
        yield f"The app proves itself by {words.AUTHENTICATION[token.authentication]}." + (
            f" {_sentence(token.note)}" if token.note else ""
        )
    along = {**token.parameters, **{f"{name}:": text for name, text in token.headers.items()}}
    if along:
        yield f"The exchange sends along: {_texts(along)}."
    if answer.root is not None:
        yield f"The token stands in `{answer.root}` of the answer."
    if answer.error_in_success:
        told = f"unless {_code(answer.ok)}" if answer.ok is not None else f"where it has `{answer.error_code}`"
        yield f"An error may come with status 200: the answer is one {told}."
    if answer.second_token is not None:
        yield f"A second token, for the person, may stand in `{answer.second_token.root}`; it is kept beside the first."
    if answer.expires != "seconds":
        yield f"When the token ends: {words.EXPIRY[answer.expires]}" + (
            f" (`{answer.expires_field}`)." if answer.expires_field != "expires_in" else "."
        )
    if answer.scope_is_array or answer.scope_separator != " " or answer.scope_field != "scope":
        how = (
            "as an array" if answer.scope_is_array else "with commas" if answer.scope_separator == "," else "as a text"
        )
        yield f"The granted scopes come {how} in `{answer.scope_field}`."


def _callback(oauth: OAuth) -> Iterator[str]:
    callback = oauth.callback
    if callback.signature is not None:
        yield (
            f"The callback is signed: `{callback.signature.parameter}` is an HMAC-{callback.signature.hash.upper()} "
            "of its other parameters with the client secret, and is checked."
        )
    if callback.scope is not None:
        yield f"The granted scopes stand in the callback's `{callback.scope}`."
    for name, kept in callback.keep.items():
        if kept.replaces is not None:
            yield f"`{kept.path}` of the callback (`{name}`) takes the place of `{kept.replaces}`: one of its choices."
    if oauth.issuer.claims:
        yield (
            "The issuer in the metadata is a template, filled with claims of the ID token: "
            + ", ".join(f"`{name}` with `{claim}`" for name, claim in oauth.issuer.claims.items())
            + "."
        )


def _after(oauth: OAuth) -> Iterator[str]:
    after = oauth.after_exchange
    if after is not None:
        parts = [f"Right after the exchange the gateway calls {_call(after.call)}"]
        if after.replaces_token:
            parts.append("its answer replaces the token")
        if after.choose is not None:
            parts.append(f"where there are several, one has to be chosen ({after.choose.about})")
        yield "; ".join(parts) + "." + (f" {_sentence(after.note)}" if after.note else "")
    if oauth.kept:
        held = (f"`{name}`" + (" (sealed)" if kept.secret else "") for name, kept in oauth.kept.items())
        yield f"Kept with the connection: {', '.join(held)}."
    for name, kept in oauth.kept.items():
        if kept.under:
            yield f"`{name}` is believed only under {' or '.join(f'`{one}`' for one in kept.under)}."


def _account(oauth: OAuth) -> Iterator[str]:
    account = oauth.account
    if account is None:
        return
    parts = [f"Account: from {words.ACCOUNT[account.source]}"]
    if account.call is not None:
        parts.append(f"`{account.call.url}`" if account.source == "websocket" else _call(account.call))
    if account.id is not None:
        parts.append(f"its id is `{account.id}`" + (f", with `{account.also}`" if account.also is not None else ""))
    if account.label:
        parts.append("shown as " + " or ".join(f"`{one}`" for one in account.label))
    if account.details is not None and account.details.url is not None:
        parts.append(f"more at {_call(account.details)}")
    yield "; ".join(parts) + "." + (f" {_sentence(account.note)}" if account.note else "")


def _life(oauth: OAuth) -> Iterator[str]:
    life = oauth.access_lifetime
    if life.never:
        yield "An access token lives until it is revoked."
    elif life.by:
        each = (f"`{name}`: {'for ever' if one is None else period(one)}" for name, one in life.by.items())
        yield f"An access token lives {'; '.join(each)}."
    elif life.seconds is not None:
        until = f" to {period(life.at_most)}" if life.at_most is not None else ""
        by = f", as {life.set_by} sets it" if life.set_by is not None else ""
        yield f"An access token lives {period(life.seconds)}{until}{by}."
    yield from _refresh(oauth.refresh)
    if oauth.revoke is None:
        yield "Ending it at the provider: not known how; the connection is removed here."
    else:
        call = f": {_call(oauth.revoke.call)}" if oauth.revoke.call is not None and oauth.revoke.call.url else ""
        yield f"Ending it at the provider: {words.REVOCATION[oauth.revoke.style]}{call}." + (
            f" {_sentence(oauth.revoke.note)}" if oauth.revoke.note else ""
        )
    for notice in oauth.ended_by:
        names = " or ".join(f"`{event}`" for event in notice.events)
        same = {**notice.account, **notice.app}
        where = " and ".join(f"`{path}` is its `{name}`" for name, path in same.items())
        yield f"A source of this provider that receives {names} ends the connection at once, where {where}" + (
            f" and there is no {' or '.join(f'`{name}`' for name in notice.without)}." if notice.without else "."
        )
        if not notice.app:
            yield "That does not say which app: with app credentials for several, nothing follows from it."
    if oauth.introspection is not None:
        about = f": {oauth.introspection.about}" if oauth.introspection.about else ""
        yield f"Introspection: {_call(oauth.introspection.call)}{about}."


def _refresh(refresh: Refresh) -> Iterator[str]:
    yield f"Refresh: {words.REFRESH[refresh.style]}." + (f" {_sentence(refresh.note)}" if refresh.note else "")
    if refresh.call is not None:
        yield f"The swap: {_call(refresh.call)}."
    if refresh.url is not None:
        yield f"Refreshing has an endpoint of its own: `{refresh.url}`."
    if refresh.parameters:
        yield f"A refresh sends along: {_texts(refresh.parameters)}."
    if refresh.needs.scopes:
        scopes = " and ".join(f"`{one}`" for one in refresh.needs.scopes)
        yield f"A refresh token comes only with the scope {scopes}."
    if refresh.needs.parameters:
        yield f"A refresh token comes only when this was sent along: {_texts(refresh.needs.parameters)}."
    if refresh.lifetime_seconds is not None or refresh.lifetime_field is not None:
        lives = f"lives {period(refresh.lifetime_seconds)}" if refresh.lifetime_seconds is not None else "ends"
        told = f"as `{refresh.lifetime_field}` of the answer says" if refresh.lifetime_field is not None else ""
        yield f"A refresh token {', or '.join(filter(None, (lives, told)))}."
    if refresh.idle_seconds is not None:
        yield f"A refresh token that is not used ends after {period(refresh.idle_seconds)}."
    if refresh.grace_seconds is not None:
        yield f"After a rotation, the old refresh token stays good for {period(refresh.grace_seconds)}."
    if refresh.last_seconds is not None:
        yield f"A refresh is refused before the last {period(refresh.last_seconds)} of an access token's life."


def _api(oauth: OAuth) -> Iterator[str]:
    api = oauth.api
    carried = "signed as OAuth 1.0a has it" if api.is_signed else f"`{api.header}: {_shown(api.value)}`"
    if api.base_url is not None:
        yield f"A connection calls `{api.base_url}`, {carried}."
    along = {**{f"{name}:": text for name, text in api.headers.items()}, **api.query}
    if along:
        yield f"Its calls send along: {_texts(along)}."


def _call(call: Call) -> str:
    return f"{call.method} `{call.url}`" if call.url is not None else "what the metadata name"


def _texts(texts: Mapping[str, str]) -> str:
    return ", ".join(
        f"`{name} {_shown(text)}`" if name.endswith(":") else f"`{name}={_shown(text)}`" for name, text in texts.items()
    )


def _code(path: str) -> str:
    """A JMESPath; its literals stand between backticks themselves."""
    return f"`{path.replace('`', '')}`"


def _shown(text: str) -> str:
    return text.replace("{gateway_url}", "<GATEWAY_BASE_URL>")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
