"""How calls carry what a connection has, where that is not as all clients have it. None does I/O of its own."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from gateway.clients.auth.base import Auth, TokenSource, one_line
from gateway.clients.values import Call


class FixedToken:
    """A `TokenSource` of one token, which is not renewed: for what is tried before it is stored."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "FixedToken(…)"

    def token(self) -> str:
        return self._value

    def renew(self, refused: str) -> bool:
        return False


class HeaderToken:
    """The token of a source in `header`, between `before` and `after`; renewed once when the system refuses it."""

    def __init__(self, source: TokenSource, *, header: str, before: str, after: str = "") -> None:
        self._source = source
        self._header = header
        self._before = before
        self._after = after

    def __repr__(self) -> str:
        return f"HeaderToken({self._header}: …)"

    def apply(self, call: Call) -> Call:
        token = one_line(self._source.token(), "the token")
        return call.with_headers((self._header, f"{self._before}{token}{self._after}"))

    def refused(self, call: Call) -> bool:
        return self._source.renew(self._sent(call))

    def identity(self) -> str | None:
        """What the source says of itself, if it does."""
        own = getattr(self._source, "identity", None)
        return None if own is None else str(own())

    def secrets(self, call: Call) -> tuple[str, ...]:
        sent = self._sent(call)
        return (sent,) if sent else ()

    def _sent(self, call: Call) -> str:
        return (call.header(self._header) or "").removeprefix(self._before).removesuffix(self._after)


class Along:
    """What goes with every call beside the credentials of `inner`: secret headers, and parameters of the query where
    the caller gives no other.
    """

    def __init__(self, inner: Auth, *, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._inner = inner
        self._headers = tuple((name, one_line(value, f"the header {name}")) for name, value in headers.items())
        self._query = tuple(query.items())

    def __repr__(self) -> str:
        return f"Along({self._inner!r})"

    def apply(self, call: Call) -> Call:
        given = {name for name, _ in (*call.query, *parse_qsl(urlsplit(call.url).query))}
        added = [pair for pair in self._query if pair[0] not in given]
        complete = call.with_query(*added) if added else call
        return self._inner.apply(complete.with_headers(*self._headers) if self._headers else complete)

    def refused(self, call: Call) -> bool:
        return self._inner.refused(call)

    def identity(self) -> str | None:
        own = getattr(self._inner, "identity", None)
        return None if own is None else own()

    def secrets(self, call: Call) -> tuple[str, ...]:
        return (*self._inner.secrets(call), *(value for _, value in self._headers))
