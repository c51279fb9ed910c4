"""How a system says where the next page is. Pure: from a page to the request for the next one, or the end.

Paths into documents are JMESPath (https://jmespath.org), compiled once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import jmespath

from gateway.clients.errors import ResponseInvalid
from gateway.clients.values import Answer

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w!#$&+\-^`|~.*]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]+))?)*)\s*(?:,|$)')
_PARAMETER = re.compile(r';\s*([\w*]+)\s*=\s*(?:"([^"]*)"|([^\s",;]+))')


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What distinguishes the request for one page: parameters, or a whole URL. Can be kept, to go on from later."""

    query: tuple[tuple[str, str], ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came: its request, its answer, its records, and the request for the next one."""

    request: PageRequest
    answer: Answer = field(repr=False)
    records: Sequence[Any] = field(repr=False)
    following: PageRequest | None


class PageStyle(Protocol):
    """A way of paging."""

    def first(self) -> PageRequest:
        """The request for the first page."""
        ...

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        """The request for the page after the one that `answer` is; None after the last."""
        ...


@runtime_checkable
class NumberedStyle(PageStyle, Protocol):
    """A way of paging in which any page can be asked for without the one before it."""

    def at(self, index: int) -> PageRequest:
        """The request for the page at `index`, from 0 on."""
        ...

    def is_last(self, index: int, answer: Answer, records: Sequence[Any]) -> bool:
        """Whether nothing comes after the page at `index`."""
        ...


class SinglePage:
    """Everything comes at once."""

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        return None


class LinkHeader:
    """`Link: <…>; rel="next"` (RFC 8288): GitHub, FHIR servers, many others.

    `attribute` names one of the link's that says `false` at the end, where a link is always there: Sentry's `results`.
    """

    def __init__(self, relation: str = "next", *, attribute: str | None = None) -> None:
        self._relation = relation
        self._attribute = attribute

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        for name, value in answer.headers.pairs:
            if name.lower() == "link" and (found := _link(value, self._relation)) is not None:
                url, attributes = found
                is_last = self._attribute is not None and attributes.get(self._attribute, "").lower() == "false"
                return None if is_last else PageRequest(url=url)
        return None


class NextUrl:
    """The body holds the next page's URL, whole or from the root: Salesforce, Microsoft Graph, FHIR bundles.

    `more` is a path that is false at the end, where there is always a URL, to go on from later.
    """

    def __init__(self, path: str, *, more: str | None = None) -> None:
        self._path = jmespath.compile(path)
        self._more = jmespath.compile(more) if more is not None else None

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        found = document(answer)
        if self._more is not None and is_end(self._more.search(found)):
            return None
        url = self._path.search(found)
        return None if is_end(url) else PageRequest(url=text(url, "the next page's URL"))


class Cursor:
    """The body holds a cursor, which goes into the parameter `parameter`. `more` is a path that is false at the end."""

    def __init__(self, parameter: str, path: str, *, more: str | None = None) -> None:
        self._parameter = parameter
        self._path = jmespath.compile(path)
        self._more = jmespath.compile(more) if more is not None else None

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        found = document(answer)
        if self._more is not None and is_end(self._more.search(found)):
            return None
        cursor = self._path.search(found)
        return None if is_end(cursor) else PageRequest(((self._parameter, text(cursor, "the cursor")),))


class HeaderToken:
    """A header of the answer holds a token, which goes into the parameter `parameter`."""

    def __init__(self, parameter: str, header: str) -> None:
        self._parameter = parameter
        self._header = header

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        token = answer.headers.get(self._header)
        return None if is_end(token) else PageRequest(((self._parameter, str(token)),))


class Keyset:
    """The last record's own key goes into the parameter `parameter`: Stripe's `starting_after`."""

    def __init__(self, parameter: str, key: str = "id", *, more: str | None = None) -> None:
        self._parameter = parameter
        self._key = jmespath.compile(key)
        self._more = jmespath.compile(more) if more is not None else None

    def first(self) -> PageRequest:
        return PageRequest()

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        if not records or (self._more is not None and is_end(self._more.search(document(answer)))):
            return None
        key = self._key.search(records[-1])
        if is_end(key):
            raise ResponseInvalid("the last record of a page has no key to go on from")
        return PageRequest(((self._parameter, text(key, "the last record's key")),))


class _Numbered:
    """Pages that are counted, by number or by how many records stand before."""

    def __init__(
        self,
        parameter: str,
        *,
        start: int,
        step: int,
        size: int,
        size_parameter: str | None,
        pages: str | None,
        more: str | None,
    ) -> None:
        if size < 1:
            raise ValueError("a page has room for at least one record")
        self._parameter = parameter
        self._start = start
        self._step = step
        self._size = size
        self._of_size = ((size_parameter, str(size)),) if size_parameter is not None else ()
        self._pages = jmespath.compile(pages) if pages is not None else None
        self._more = jmespath.compile(more) if more is not None else None

    def first(self) -> PageRequest:
        return self.at(0)

    def at(self, index: int) -> PageRequest:
        return PageRequest(((self._parameter, str(self._start + index * self._step)), *self._of_size))

    def is_last(self, index: int, answer: Answer, records: Sequence[Any]) -> bool:
        if self._pages is not None:
            count = self._pages.search(document(answer))
            if isinstance(count, int) and not isinstance(count, bool):
                return index + 1 >= count
        if self._more is not None:
            return is_end(self._more.search(document(answer)))
        return len(records) < self._size

    def following(self, request: PageRequest, answer: Answer, records: Sequence[Any]) -> PageRequest | None:
        index = (int(dict(request.query)[self._parameter]) - self._start) // self._step
        return None if self.is_last(index, answer, records) else self.at(index + 1)


class PageNumber(_Numbered):
    """`?page=2`. Ends at the page whose number is the path `pages`, or where the path `more` is false, else at one with
    fewer than `size` records.
    """

    def __init__(
        self,
        parameter: str = "page",
        *,
        size: int,
        size_parameter: str | None = None,
        start: int = 1,
        pages: str | None = None,
        more: str | None = None,
    ) -> None:
        super().__init__(
            parameter, start=start, step=1, size=size, size_parameter=size_parameter, pages=pages, more=more
        )


class Offset(_Numbered):
    """`?offset=200&limit=100`. Ends where the path `more` is false, else at a page with fewer than `size` records."""

    def __init__(
        self, parameter: str = "offset", *, size: int, size_parameter: str | None = "limit", more: str | None = None
    ) -> None:
        super().__init__(parameter, start=0, step=size, size=size, size_parameter=size_parameter, pages=None, more=more)


def link(value: str, relation: str) -> str | None:
    """The target of a `Link` header's first link with this relation (RFC 8288, 3)."""
    found = _link(value, relation)
    return found[0] if found is not None else None


def _link(value: str, relation: str) -> tuple[str, Mapping[str, str]] | None:
    """That target, and the link's attributes by their names in lower case."""
    for url, parameters in _LINK.findall(value):
        attributes: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(parameters):
            attributes.setdefault(name.lower(), quoted or plain)
        if relation in attributes.get("rel", "").lower().split():
            return str(url), attributes
    return None


def document(answer: Answer) -> Mapping[str, Any] | Sequence[Any]:
    """The page as JSON. Raises `ResponseInvalid`."""
    try:
        found = answer.document
    except ValueError as error:
        raise ResponseInvalid("a page is not JSON") from error
    if not isinstance(found, dict | list):
        raise ResponseInvalid("a page is neither an object nor a list")
    return found


def records_at(path: str) -> Callable[[Answer], Sequence[Any]]:
    """What finds a page's records at the JMESPath `path`; nothing there is an empty page."""
    compiled = jmespath.compile(path)

    def find(answer: Answer) -> Sequence[Any]:
        if answer.status == 204:
            return ()
        found = compiled.search(document(answer))
        if found is None:
            return ()
        if not isinstance(found, list):
            raise ResponseInvalid(f"there is no list at {path} of a page")
        return found

    return find


def is_end(value: object) -> bool:
    """Whether `value` stands for no further page. 0 does not: it may be a cursor."""
    return value is None or value is False or value in ("", "null")


def text(value: object, what: str) -> str:
    """`value` as a parameter. Raises `ResponseInvalid` for what can be none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ResponseInvalid(f"{what} is neither a text nor a number")
    return str(value)
