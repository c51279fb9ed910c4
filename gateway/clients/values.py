"""A call and its answer, as values. No I/O; what carries them out is `transport`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, TypeVar, overload
from urllib.parse import quote, urlencode, urlsplit

import orjson

Pairs = Sequence[tuple[str, str]]
Default = TypeVar("Default")

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""RFC 9110, 9.2.2: sending one twice means the same as sending it once."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

CacheUse = Literal["fresh", "revalidated", "stale"]
"""How a kept answer came to be given: without asking, after the system said that it still holds, or since it failed."""


class Headers(Mapping[str, str]):
    """Headers of an answer: names in any case, the first value of each."""

    def __init__(self, pairs: Pairs = ()) -> None:
        self.pairs = tuple(pairs)
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()]

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...

    @overload
    def get(self, name: str, default: Default, /) -> str | Default: ...

    def get(self, name: str, default: Default | None = None, /) -> str | Default | None:
        # What a mapping has of itself tries and catches.
        return self._first.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is to be sent. `auth` adds credentials to it, each try anew.

    `url` is absolute, without `query`. `template` is the path for logs and metrics, without what was put into it.
    `may_repeat`: sending it twice means the same as once, by its method or by an idempotency key.
    """

    method: str
    url: str
    template: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    may_repeat: bool = False

    @property
    def full_url(self) -> str:
        """The URL with its query."""
        if not self.query:
            return self.url
        # %20 for a blank, which everybody reads alike, signers too.
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(self.query, quote_via=quote)}"

    @property
    def host(self) -> str:
        """The host's name, in lower case."""
        return urlsplit(self.url).hostname or ""

    def header(self, name: str) -> str | None:
        """The first value of the header `name`, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def with_headers(self, *pairs: tuple[str, str]) -> Call:
        """With `pairs` in place of headers of the same names."""
        names = {name.lower() for name, _ in pairs}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        # Not `replace`, which asks the class for its fields each time.
        return Call(self.method, self.url, self.template, self.query, kept + pairs, self.body, self.may_repeat)

    def with_body(self, body: bytes, *pairs: tuple[str, str]) -> Call:
        """With another body, and `pairs` in place of headers of the same names."""
        return replace(self.with_headers(*pairs), body=body)

    def with_query(self, *pairs: tuple[str, str]) -> Call:
        """With `pairs` in place of parameters of the same names."""
        names = {name for name, _ in pairs}
        return replace(self, query=tuple(pair for pair in self.query if pair[0] not in names) + pairs)


@dataclass(frozen=True)
class Answer:
    """A whole answer. `tries` is how many requests it took, `seconds` how long all of them together.

    `cached` is None for what the system said just now. `instead_of` is the code of the error that this stands in for
    (`fallback`), None where there was none.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    url: str = field(default="", repr=False)
    tries: int = 1
    seconds: float = 0.0
    cached: CacheUse | None = None
    instead_of: str | None = None

    @cached_property
    def document(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text, by the charset that the system names, else UTF-8."""
        charset = self.content_type_parameter("charset") or "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def content_type_parameter(self, name: str) -> str | None:
        """A parameter of the content type."""
        for part in self.headers.get("content-type", "").split(";")[1:]:
            key, _, value = part.partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"')
        return None
