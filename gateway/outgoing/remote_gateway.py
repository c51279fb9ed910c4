"""Requests of the command line to the API of another gateway, with a key of it.

Not past the SSRF guard: the address comes from who types it. On the standard library, which is quick to load.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.outgoing.caps import OWN_GATEWAY
from gateway.security.ssrf import parse_url

API = "/api/v1"
# Three signs of life of a stream.
SILENCE_SECONDS = 45.0
PIECE_BYTES = 64 * 1024


class Unreachable(Exception):
    """The gateway did not answer, or cannot now: the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """What the gateway answered to one request."""

    status: int
    document: Any

    @property
    def problem(self) -> str:
        """What it says is wrong, in a sentence."""
        found = self.document if isinstance(self.document, dict) else {}
        return str(found.get("detail") or found.get("title") or f"status {self.status}")


class Stream:
    """An answer that goes on. `told_at` is the gateway's time at its beginning, None where it does not tell."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.told_at = _date(response.headers.get("Date"))

    def pieces(self) -> Iterator[bytes]:
        """What comes, until the gateway ends it. Raises `Unreachable` when it is cut off."""
        try:
            while piece := self._response.read1(PIECE_BYTES):
                yield piece
        except TimeoutError as error:
            raise Unreachable(f"nothing came for {SILENCE_SECONDS:g} s") from error
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise Unreachable("the connection was cut") from error


class RemoteGateway:
    """The API at `base_url`. `close` may be called from another thread, to end a stream that is read."""

    def __init__(self, base_url: str, key: str, *, tenant: str | None = None) -> None:
        self._target = parse_url(base_url)
        self._base_url = base_url
        self._path = urlsplit(base_url).path.rstrip("/") + API
        self._headers = {"Authorization": f"Bearer {key}"} | ({} if tenant is None else {"Gateway-Tenant": tenant})
        self._kept: http.client.HTTPConnection | None = None
        self._streaming: http.client.HTTPConnection | None = None

    def get(self, path: str) -> RemoteReply:
        """One answer, whole, by a connection that is kept. Raises `Unreachable`."""
        kept = self._kept
        if kept is not None:
            # The gateway may have closed it meanwhile.
            with suppress(Unreachable):
                return self._whole(kept, path)
            kept.close()
        self._kept = self._connection(OWN_GATEWAY.timeout_seconds)
        return self._whole(self._kept, path)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[Stream | RemoteReply]:
        """An answer that goes on; where it is a refusal, what was said. Raises `Unreachable`."""
        connection = self._streaming = self._connection(SILENCE_SECONDS)
        try:
            response = self._ask(connection, path, headers)
            if response.status == http.client.OK:
                yield Stream(response)
            else:
                yield RemoteReply(response.status, _document(response.read(OWN_GATEWAY.max_bytes)))
        finally:
            self._streaming = None
            connection.close()

    def close(self) -> None:
        """End what is read, and let go of the connections. Whoever reads meanwhile is cut off."""
        for connection in (self._streaming, self._kept):
            if connection is None:
                continue
            sock = connection.sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _connection(self, timeout_seconds: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._target.scheme == "https" else http.client.HTTPConnection
        return kind(self._target.host, self._target.port, timeout=timeout_seconds)

    def _ask(
        self, connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        try:
            connection.request("GET", self._path + path, headers=self._headers | dict(headers))
            return connection.getresponse()
        except ConnectionRefusedError as error:
            raise Unreachable(f"nothing answers at {self._base_url}") from error
        except TimeoutError as error:
            raise Unreachable(f"no answer of {self._base_url}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._base_url} cannot be called: {error or type(error).__name__}") from error

    def _whole(self, connection: http.client.HTTPConnection, path: str) -> RemoteReply:
        response = self._ask(connection, path, {})
        try:
            return RemoteReply(response.status, _document(response.read()))
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("the connection was cut") from error


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _date(value: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
