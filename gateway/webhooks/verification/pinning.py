"""URLs that a request names and that are fetched or trusted only when they lead to the vendor's own hosts.

Stricter than any URL library: what could be read in two ways is refused.
"""

from __future__ import annotations

import re

_URL = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::443)?(?P<path>/[A-Za-z0-9._~/=-]*)?(?P<query>\?[A-Za-z0-9._~/=&%:+-]*)?",
    re.ASCII,
)
MAX_URL_CHARACTERS = 2048


def is_pinned(url: str, host: str, path: str = "", *, query: bool = False) -> bool:
    """Whether a URL is https, without userinfo, odd port, fragment or percent-encoded path, and its host (and path)
    match the patterns whole. A query is refused unless `query`.
    """
    if len(url) > MAX_URL_CHARACTERS:
        return False
    match = _URL.fullmatch(url)
    if match is None or ".." in match["host"] or (match["query"] is not None and not query):
        return False
    if not re.fullmatch(host, match["host"], re.ASCII):
        return False
    wanted = match["path"] or "/"
    segments = wanted.split("/")
    if ".." in segments or "." in segments:
        return False
    return not path or re.fullmatch(path, wanted, re.ASCII) is not None
