"""What app credentials must be like: a draft is judged against the provider's entry. Pure; storing it is `management`'s
matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.deferred import deferred
from gateway.errors import Fault, Hint, InvalidInput
from gateway.oauth.app_credentials.taken import key_algorithms, needs_private_key
from gateway.oauth.vault import CLIENT_SECRET, PRIVATE_KEY
from gateway.providers.oauth.hosts import server_parameters
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import FIELD as PARAMETERS
from gateway.providers.oauth.parameters import completed
from gateway.suggestions import suggest

# Only who gives a key waits for what reads it.
_private_keys = deferred("gateway.oauth.app_credentials.private_keys")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
# RFC 6749, 3.3; some vendors have commas and blanks between scopes, and none in one.
SCOPE = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,256}", re.ASCII)
MAX_SCOPES = 200
MAX_SECRET_CHARACTERS = 8_192
MAX_CLIENT_ID_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class AppDraft:
    """App credentials as a person asks for them. `provider` is a name or an id; `scopes` None: the entry's."""

    name: str
    provider: str
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    scopes: Sequence[str] | None = None
    enabled: bool | None = True
    """None: a new one is, and one that is there stays as it is."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """What goes into the vault, by field."""
        given = {CLIENT_SECRET: self.client_secret, PRIVATE_KEY: self.private_key}
        return {name: value for name, value in given.items() if value is not None}


def tidied_secrets(secrets: Mapping[str, str]) -> dict[str, str]:
    """`secrets` without what goes along when they are pasted."""
    return {
        name: _private_keys.tidied(value) if name == PRIVATE_KEY else value.strip() for name, value in secrets.items()
    }


def tidied(draft: AppDraft, provider_id: str) -> AppDraft:
    """`draft` as it is stored: for the provider of this id, without what goes along when things are pasted."""
    secrets = tidied_secrets(draft.secrets)
    return replace(
        draft,
        provider=provider_id,
        client_id=draft.client_id.strip(),
        client_secret=secrets.get(CLIENT_SECRET),
        private_key=secrets.get(PRIVATE_KEY),
        parameters={name: value.strip() for name, value in draft.parameters.items() if value.strip()},
        scopes=None if draft.scopes is None else tuple(dict.fromkeys(one.strip() for one in draft.scopes)),
    )


def faults(
    oauth: OAuth, draft: AppDraft, *, held: Collection[str] = (), plain_http: bool, provider_name: str
) -> list[Fault]:
    """Everything that is wrong with `draft`; `held` are the fields of secrets that there are already. `plain_http`: a
    URL of this machine may do without TLS.
    """
    return [
        *_name_faults(draft.name),
        *_client_id_faults(oauth, draft.client_id, provider_name),
        *secret_faults(oauth, draft.secrets, provider_name=provider_name),
        *_missing_secrets(oauth, {*draft.secrets, *held}, provider_name),
        *_parameter_faults(oauth, draft.parameters, plain_http=plain_http),
        *_scope_faults(oauth, draft.scopes),
    ]


def secret_faults(oauth: OAuth, secrets: Mapping[str, str], *, provider_name: str) -> Iterator[Fault]:
    """What is wrong with secrets that are given, by field. They are never quoted."""
    for name, value in secrets.items():
        words = name.replace("_", " ")
        if not value:
            yield Fault(name, "missing", f"the {words} is empty")
        elif len(value) > MAX_SECRET_CHARACTERS:
            message = f"the {words} is longer than {MAX_SECRET_CHARACTERS} characters"
            yield Fault(name, "too_long", message, {"at_most": MAX_SECRET_CHARACTERS})
        elif name == PRIVATE_KEY and not (algorithms := key_algorithms(oauth)):
            yield Fault(name, "not_taken", f"{provider_name} takes no private key")
        elif name == PRIVATE_KEY:
            if (reason := _private_keys.key_fault(value, algorithms)) is not None:
                yield Fault(name, "unusable", f"the {words} {reason}")
        elif not oauth.client.has_secret:
            yield Fault(name, "not_taken", f"apps at {provider_name} have no secret")
        elif not value.isprintable():
            yield Fault(name, "unusable", f"the {words} has characters that are none: copy it again")


def asked_later(oauth: OAuth, given: Mapping[str, str]) -> list[str]:
    """The parameters that each connection has to bring, because the app credentials do not say them."""
    return [
        name
        for name, one in oauth.parameters.items()
        if not one.optional and one.default is None and not given.get(name)
    ]


def _name_faults(name: str) -> Iterator[Fault]:
    if not NAME.fullmatch(name):
        message = f"{name!r} is not a name of app credentials: use letters, digits, dots, - and _"
        yield Fault("name", "malformed", message, {"pattern": NAME.pattern})


def _client_id_faults(oauth: OAuth, client_id: str, provider_name: str) -> Iterator[Fault]:
    if oauth.client.id is not None:
        if client_id:
            message = f"{provider_name} registers no apps: the client id is the gateway's URL, and is not given"
            yield Fault("client_id", "not_taken", message)
    elif not client_id:
        yield Fault("client_id", "missing", f"the client id is missing: {provider_name} shows it with the app")
    elif len(client_id) > MAX_CLIENT_ID_CHARACTERS:
        message = f"the client id is longer than {MAX_CLIENT_ID_CHARACTERS} characters"
        yield Fault("client_id", "too_long", message, {"at_most": MAX_CLIENT_ID_CHARACTERS})
    elif not client_id.isprintable():
        yield Fault("client_id", "malformed", "the client id has characters that are none: copy it again")


def _missing_secrets(oauth: OAuth, there: Collection[str], provider_name: str) -> Iterator[Fault]:
    if needs_private_key(oauth):
        if PRIVATE_KEY not in there:
            message = f"apps at {provider_name} prove themselves with a private key"
            yield Fault(PRIVATE_KEY, "missing", message, hint=Hint("give_private_key"))
    elif oauth.client.has_secret and not set(there) & {CLIENT_SECRET, PRIVATE_KEY}:
        message = f"apps at {provider_name} have a client secret"
        yield Fault(CLIENT_SECRET, "missing", message, hint=Hint("give_client_secret"))


def _parameter_faults(oauth: OAuth, given: Mapping[str, str], *, plain_http: bool) -> Iterator[Fault]:
    try:
        completed(oauth.parameters, given, plain_http=plain_http)
    except InvalidInput as error:
        # Who connects an account may bring the others.
        own = {f"{PARAMETERS}.{name}" for name in server_parameters(oauth)}
        yield from (one for one in error.faults if one.code != "missing" or one.field in own)


def _scope_faults(oauth: OAuth, scopes: Sequence[str] | None) -> Iterator[Fault]:
    given = scopes or ()
    if len(given) > MAX_SCOPES:
        yield Fault("scopes", "too_long", f"there are more than {MAX_SCOPES} scopes", {"at_most": MAX_SCOPES})
        return
    # Where the entry names none, its list is open.
    known = oauth.authorize.known_scopes if oauth.authorize is not None else ()
    for scope in dict.fromkeys(given):
        if not SCOPE.fullmatch(scope):
            message = f"{scope!r} is not one scope: give each by itself"
            yield Fault("scopes", "malformed", message, {"pattern": SCOPE.pattern})
        elif known and scope not in known:
            hint = suggest(scope, known, Hint("choose_one_of", {"names": list(known)}))
            yield Fault("scopes", "unknown", f"there is no scope {scope!r}", {"values": list(known)}, hint)
