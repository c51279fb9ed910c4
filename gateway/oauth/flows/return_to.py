"""Where a browser is sent back to: judged against the tenant's origins, and completed with what became of it. Pure.

Browsers read URLs more generously than any library (WHATWG URL: backslashes are slashes, tabs vanish, a user name is
skipped). So there is one spelling that is taken, in which nothing can be read in two ways, and its origin is compared
as text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode

MOST_CHARACTERS = 2000
OWN_PARAMETERS = frozenset({"connection", "status", "error"})

_ORIGIN = r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
_URL = re.compile(rf"(?P<origin>{_ORIGIN})(?P<rest>(?:[/?#][!-\[\]-~]*)?)", re.ASCII)


def return_fault(url: str, origins: Collection[str]) -> str | None:
    """Why a browser may not be sent to `url`; None where it may. `origins` are the tenant's, in their one spelling."""
    if len(url) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    match = _URL.fullmatch(url)
    if match is None:
        return (
            "is no URL that can be returned to: scheme and host in lower case, then a path, all in ASCII, without a "
            "user name, backslashes or spaces"
        )
    if match["origin"] not in origins:
        return f"is at none of the tenant's origins ({', '.join(origins) or 'it has none'})"
    own = OWN_PARAMETERS & {name for name, _ in parse_qsl(_query(url), keep_blank_values=True)}
    return f"has the parameter {min(own)}, which is added by the gateway" if own else None


def origin(url: str) -> str:
    """The origin of a URL that was judged well."""
    match = _URL.fullmatch(url)
    return match["origin"] if match is not None else ""


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """`url` with `parameters` behind those that it has, before its fragment."""
    address, hash_sign, fragment = url.partition("#")
    separator = "?" if "?" not in address else "" if address.endswith(("?", "&")) else "&"
    return address + separator + urlencode(parameters) + hash_sign + fragment


def _query(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]
