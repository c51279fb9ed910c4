"""How a call proves whose it is: the port, and the plain ways. None does I/O, and none shows its secret."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gateway.clients.values import Call


class Auth(Protocol):
    """Credentials for calls. Safe to use from any thread.

    One whose `apply` adds something new each time may have a method `identity` with a text that stays and is no other
    credential's: a cache keeps answers by a digest of it. Without one they are kept by what `apply` adds.
    """

    def apply(self, call: Call) -> Call:
        """`call` with credentials. Asked for each try."""
        ...

    def refused(self, call: Call) -> bool:
        """The system did not take the credentials of `call` (401): whether other ones are worth one more try."""
        ...

    def secrets(self, call: Call) -> tuple[str, ...]:
        """What of `call`, as it was sent, must be shown to nobody."""
        ...


class Unauthenticated:
    """No credentials."""

    def apply(self, call: Call) -> Call:
        return call

    def refused(self, call: Call) -> bool:
        return False

    def secrets(self, call: Call) -> tuple[str, ...]:
        return ()


class _Fixed:
    """Credentials that do not change."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def refused(self, call: Call) -> bool:
        return False


class Bearer(_Fixed):
    """`Authorization: Bearer …` (RFC 6750, 2.1) with a token that stays."""

    def __init__(self, token: str, *, scheme: str = "Bearer") -> None:
        self._token = one_line(token, "the token")
        self._scheme = scheme

    def apply(self, call: Call) -> Call:
        return call.with_headers(("Authorization", f"{self._scheme} {self._token}"))

    def secrets(self, call: Call) -> tuple[str, ...]:
        return (self._token,)


class Basic(_Fixed):
    """`Authorization: Basic …` (RFC 7617), in UTF-8."""

    def __init__(self, username: str, password: str) -> None:
        if ":" in username:
            raise ValueError("a user name with a colon cannot be sent by Basic authentication (RFC 7617, 2)")
        self._password = password
        self._value = b64encode(f"{username}:{password}".encode()).decode("ascii")

    def apply(self, call: Call) -> Call:
        return call.with_headers(("Authorization", f"Basic {self._value}"))

    def secrets(self, call: Call) -> tuple[str, ...]:
        return (self._value, self._password)


class ApiKey(_Fixed):
    """A key in a header, a query parameter or a cookie: give the name of exactly one."""

    def __init__(
        self, key: str, *, header: str | None = None, query: str | None = None, cookie: str | None = None
    ) -> None:
        if sum(place is not None for place in (header, query, cookie)) != 1:
            raise ValueError("name one place of the key: header, query or cookie")
        self._key = one_line(key, "the key")
        self._header = header
        self._query = query
        self._cookie = cookie

    def apply(self, call: Call) -> Call:
        if self._header is not None:
            return call.with_headers((self._header, self._key))
        if self._query is not None:
            return call.with_query((self._query, self._key))
        others = call.header("Cookie")
        pair = f"{self._cookie}={self._key}"
        return call.with_headers(("Cookie", f"{others}; {pair}" if others else pair))

    def secrets(self, call: Call) -> tuple[str, ...]:
        return (self._key,)


@runtime_checkable
class TokenSource(Protocol):
    """Where a token comes from that is renewed: a connection, a file, a service. Safe to call from any thread."""

    def token(self) -> str:
        """A token that is good now, as far as is known. Raises `IntegrationError`."""
        ...

    def renew(self, refused: str) -> bool:
        """`refused` was not taken: get another one, once for all who ask. Whether `token` gives another by now."""
        ...


class TokenAuth:
    """`Authorization: Bearer …` with the token of a source, which renews it once when the system refuses it."""

    def __init__(self, source: TokenSource, *, scheme: str = "Bearer") -> None:
        self._source = source
        self._prefix = f"{scheme} "

    def __repr__(self) -> str:
        return "TokenAuth(…)"

    def apply(self, call: Call) -> Call:
        return call.with_headers(("Authorization", self._prefix + one_line(self._source.token(), "the token")))

    def refused(self, call: Call) -> bool:
        return self._source.renew(self._sent(call))

    def identity(self) -> str | None:
        """What the source says of itself, if it does: its tokens are somebody's, and change."""
        own = getattr(self._source, "identity", None)
        return None if own is None else self._prefix + str(own())

    def secrets(self, call: Call) -> tuple[str, ...]:
        sent = self._sent(call)
        return (sent,) if sent else ()

    def _sent(self, call: Call) -> str:
        return (call.header("Authorization") or "").removeprefix(self._prefix)


def bearer(credential: str | TokenSource | Auth) -> Auth:
    """What is given as a bearer's: a token that stays, or what gives tokens; an `Auth` is taken as it is."""
    if isinstance(credential, str):
        return Bearer(credential)
    return TokenAuth(credential) if isinstance(credential, TokenSource) else credential


class CustomAuth(_Fixed):
    """Credentials that a function adds; `secret` is what it adds, so that nothing shows it."""

    def __init__(self, add: Callable[[Call], Call], *secret: str) -> None:
        self._add = add
        self._secret = secret

    def apply(self, call: Call) -> Call:
        return self._add(call)

    def secrets(self, call: Call) -> tuple[str, ...]:
        return self._secret


def one_line(text: str, what: str) -> str:
    """`text`. Raises `ValueError` when it cannot stand in a header, without quoting it."""
    if not text or not text.isprintable() or not text.isascii():
        raise ValueError(f"{what} cannot stand in a header: it is empty, or has a line break or another such character")
    return text
