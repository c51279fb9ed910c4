"""Templates of the section `oauth`: which names may stand in them at which step, and texts and URLs made of them. Pure.

What is asked for in a browser, or stands in a URL, never holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from gateway.providers.oauth.model import OAuth

NAMED = re.compile(r"\{(\w+)\}", re.ASCII)
SECRETS = frozenset({"client_secret", "access_token", "refresh_token", "token"})
FROM_THE_START = frozenset({"client_id", "redirect_uri", "gateway_url"})
GIVEN_LATER = frozenset({*SECRETS, "account_id", "token_type_hint"})
"""Names that are the gateway's own: no parameter, and nothing that is kept, may be called so."""


def named(text: str) -> list[str]:
    """The names that stand in braces."""
    return NAMED.findall(text)


def names_in(texts: Iterable[str]) -> set[str]:
    """Those of several templates."""
    return {name for text in texts for name in named(text)}


def known_at(oauth: OAuth) -> Mapping[str, frozenset[str]]:
    """The names that have a value at each step of a connection's life."""
    start = FROM_THE_START | oauth.parameters.keys()
    exchange = start | oauth.callback.keep.keys() | {"client_secret"}
    answered = exchange | oauth.answer.keep.keys() | {"access_token", "refresh_token"}
    connected = answered | oauth.kept.keys() | {"account_id"}
    return {
        "authorize": start,
        "token": exchange,
        "after_exchange": answered,
        "account": connected - {"account_id"},
        "connected": connected,
        "revoke": connected | {"token", "token_type_hint"},
    }


def filled(text: str, values: Mapping[str, str]) -> str | None:
    """`text` with its names' values; None where one has no value: what is optional and was not given is left out."""
    if not values.keys() >= set(named(text)):
        return None
    return NAMED.sub(lambda match: values[match[1]], text)


def filled_all(texts: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Those of `texts` whose names all have values."""
    made = {name: filled(text, values) for name, text in texts.items()}
    return {name: text for name, text in made.items() if text is not None}


def url_of(template: str, values: Mapping[str, str]) -> str:
    """The URL: what it begins with and its host as they are, what stands further on percent-encoded.

    The values have been judged (`parameters`, `kept`). Raises KeyError for a name without one.
    """
    leading, rest = NAMED.match(template), template
    beginning = ""
    if leading is not None:
        beginning, rest = values[leading[1]], template[leading.end() :]
        beginning = beginning.rstrip("/") if rest.startswith("/") else beginning
    scheme, separator, behind = rest.partition("://")
    if separator:
        end = re.search(r"[/?#]", behind)
        host, rest = (behind, "") if end is None else (behind[: end.start()], behind[end.start() :])
        beginning += scheme + separator + NAMED.sub(lambda match: values[match[1]], host)
    return beginning + NAMED.sub(lambda match: quote(values[match[1]], safe="/"), rest)
