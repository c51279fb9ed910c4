"""Requests of the command line to a server on which somebody develops, wherever they say that it listens.

Not past the SSRF guard: the address comes from nobody else. On the standard library, which is quick to load.
"""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.outgoing.caps import LOCAL_SERVER
from gateway.security.ssrf import parse_url


class NotAnswered(Exception):
    """The server did not answer; the text says why. `is_down`: nothing listens there."""

    def __init__(self, message: str, *, is_down: bool = False) -> None:
        super().__init__(message)
        self.is_down = is_down


@dataclass(frozen=True, slots=True)
class LocalReply:
    """A status with its phrase, and the beginning of the body."""

    status: int
    phrase: str
    body: bytes


def post(url: str, headers: Sequence[tuple[str, str]], body: bytes) -> LocalReply:
    """POST `body` to `url`. Raises `NotAnswered`, and `AddressForbidden` when it is no URL."""
    target = parse_url(url)
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    with closing(kind(target.host, target.port, timeout=LOCAL_SERVER.timeout_seconds)) as connection:
        try:
            connection.putrequest("POST", path, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode())
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return LocalReply(response.status, response.reason, response.read(LOCAL_SERVER.max_bytes))
        except ConnectionRefusedError as error:
            raise NotAnswered(f"nothing listens at {target.host}:{target.port}", is_down=True) from error
        except TimeoutError as error:
            raise NotAnswered(f"no answer within {LOCAL_SERVER.timeout_seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise NotAnswered(str(error) or type(error).__name__) from error
