"""URLs of calls: a base that is checked once, paths that are put behind it, and links that stay with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from gateway.clients.errors import ProtocolFault
from gateway.security.ssrf import DEFAULT_PORTS

MAX_REDIRECTS: Final = 5

_NAME = re.compile(r"\{(\w+)\}")
_DOT = re.compile("%2e", re.IGNORECASE)
# What looks like the id of something, and is left out of what is logged.
_PROBABLY_ID = re.compile(r"(?=.*\d)[\w.:@~=%-]{8,}|\d+")


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where a system's API begins: an origin and a path, which ends without a slash."""

    origin: str
    path: str

    @classmethod
    def parse(cls, url: str, *, allow_http: bool) -> BaseUrl:
        """Raises `ValueError`, which does not quote what may be secret."""
        if any(character <= " " or character == "\x7f" for character in url):
            raise ValueError("the base URL has a blank, a line break or another character that no URL has")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the base URL begins with https:// and a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the base URL holds credentials: give them as `auth`")
        if parts.query or parts.fragment:
            raise ValueError("the base URL has a query or a fragment: give parameters with each call, keys as `auth`")
        if parts.scheme == "http" and not allow_http:
            raise ValueError(
                "the base URL is http://, where everybody on the way reads along: that is for private networks only"
            )
        return cls(origin_of(parts), parts.path.rstrip("/"))

    def join(self, path: str, parameters: Mapping[str, object]) -> tuple[str, str]:
        """The URL of `path` with `{name}` filled in, and its template. An empty path is the base; a whole URL has
        to be of this origin.

        Raises `ValueError` for a parameter that is missing or left over, `ProtocolFault` for another origin.
        """
        if path.startswith(("http://", "https://")):
            if parameters:
                raise ValueError("a whole URL has no parameters to fill in")
            return self.same_origin(path), templated(urlsplit(path).path)
        if missing := sorted(set(_NAME.findall(path)) - set(parameters)):
            raise ValueError(f"the path needs {', '.join(missing)}")
        if left := sorted(set(parameters) - set(_NAME.findall(path))):
            raise ValueError(f"the path has no place for {', '.join(left)}")
        filled = _NAME.sub(lambda found: _segment(parameters[found[1]], found[1]), path)
        template = path if parameters else templated(path)
        if any(character < " " or character == "\x7f" for character in filled):
            raise ValueError("the path has a line break or another character that no URL has")
        if any(segment in {".", ".."} for segment in _segments(filled)):
            raise ValueError("a path of a call does not climb")
        if not path:
            return f"{self.origin}{self.path or '/'}", self.path or "/"
        return f"{self.origin}{self.path}/{filled.lstrip('/')}", f"{self.path}/{template.lstrip('/')}"

    def same_origin(self, url: str, *, seen_from: str = "") -> str:
        """The absolute URL of a link that an answer holds. Raises `ProtocolFault` when it leads elsewhere."""
        try:
            absolute = urljoin(seen_from or f"{self.origin}{self.path}/", url)
            parts = urlsplit(absolute)
            is_ours = origin_of(parts) == self.origin and parts.username is None
        except ValueError:
            is_ours = False
        if not is_ours:
            raise ProtocolFault("the system leads to another origin, where its credentials are not taken")
        return absolute


def origin_of(parts: SplitResult) -> str:
    """Scheme, host and port (RFC 6454, 4), without the port that the scheme has anyhow. Raises `ValueError`."""
    host = (parts.hostname or "").lower()
    name = f"[{host}]" if ":" in host else host
    port = parts.port
    return (
        f"{parts.scheme}://{name}"
        if port in {None, DEFAULT_PORTS.get(parts.scheme)}
        else f"{parts.scheme}://{name}:{port}"
    )


def templated(path: str) -> str:
    """`path` for logs and metrics: what is probably somebody's id is left out."""
    return "/".join(
        "{id}" if _PROBABLY_ID.fullmatch(segment) else segment for segment in path.partition("?")[0].split("/")
    )


def _segments(path: str) -> list[str]:
    """The segments of `path` as those read them who take `%2e` for a dot, as RFC 3986 (6.2.2.2) has it, or `\\` for a
    slash. Not by `urlsplit`, to which what follows `//` is a host.
    """
    alone = path.partition("?")[0].partition("#")[0]
    return _DOT.sub(".", alone).replace("\\", "/").split("/")


def _segment(value: object, name: str) -> str:
    text = quote(str(value), safe="")
    if not text or text in {".", ".."}:
        raise ValueError(f"{name} cannot stand in a path as it is")
    return text
