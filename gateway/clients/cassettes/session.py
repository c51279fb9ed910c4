"""A session that records what a system answers, and one that gives it again without a network.

    with RecordedSession("tests/cassettes/acme.yaml", auth=auth) as session:
        acme = ApiClient("https://api.acme.example/v2", auth=auth, session=session)

Built on `responses`, whose registry finds the answers and whose `Response` makes them: nothing is patched, and a client
needs no more than its argument `session`.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import requests
from requests.adapters import HTTPAdapter

from gateway.clients.auth.base import Auth
from gateway.clients.cassettes.comparing import MAX_DIFFERENCES, closest, differences
from gateway.clients.cassettes.exchanges import (
    CassetteError,
    Exchange,
    Recorded,
    Request,
    read_cassette,
    write_cassette,
)
from gateway.clients.cassettes.masking import Mask
from gateway.clients.values import Call
from gateway.outgoing.guard_requests import GuardedAdapter
from gateway.outgoing.resolver import Resolver, SystemResolver
from gateway.security.ssrf import AddressPolicy

try:
    from responses import Response
    from responses.registries import FirstMatchRegistry
except ImportError as error:
    raise ImportError("recorded sessions need the package `responses`") from error

MAX_BYTES: Final = 10 * 1024 * 1024
_CHUNK: Final = 64 * 1024
# Of the connection, or of how the body was written on it: it is recorded decoded.
_OF_THE_WIRE: Final = frozenset({"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"})
_ANY_URL: Final = re.compile("")


class UnrecordedRequest(CassetteError):
    """A request that the cassette has no answer for."""


class RecordedSession(requests.Session):
    """Gives the answers of the cassette at `path`; with `record` it asks the system, and writes the cassette when it is
    closed. Safe from any thread. As a context it is written only when the block ends without an error.

    `auth` (one, or several), `secrets` and `secret_names` (of headers, parameters, fields) say what is left out of the
    cassette, besides what names and forms tell of. `ignoring` are names of parameters and of members of bodies that
    differ from run to run. `policy`, `resolver` and `ssl_context` are for recording, as those of `ApiClient`.

    An answer is given for a request with the same method, URL and body: several of the same one after another, the last
    of them as often as it is asked for. Raises `CassetteError`, and `UnrecordedRequest` from a call.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        record: bool = False,
        auth: Auth | Sequence[Auth] = (),
        secrets: Collection[str] = (),
        secret_names: Collection[str] = (),
        ignoring: Collection[str] = (),
        policy: AddressPolicy | None = None,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        # Neither proxies nor a .netrc of the machine have a part in it.
        self.trust_env = False
        auths = auth if isinstance(auth, Sequence) else (auth,)
        mask = Mask(auths, secrets, secret_names)
        path = Path(path)
        adapter: _Recording | _Replaying
        if record:
            policy = policy or AddressPolicy(allow_private=False)
            adapter = _Recording(path, mask, resolver or SystemResolver(), policy, ssl_context=ssl_context)
        else:
            adapter = _Replaying(path, mask, ignoring)
        self._recording = adapter if isinstance(adapter, _Recording) else None
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def __exit__(self, *ended_with: object) -> None:
        if ended_with and ended_with[0] is not None:
            self._recording = None
        self.close()

    def close(self) -> None:
        """Let go of connections, and write what was recorded."""
        super().close()
        if self._recording is not None:
            self._recording.write()


class _Recording(GuardedAdapter):
    def __init__(self, path: Path, mask: Mask, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._path = path
        self._mask = mask
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        with super().send(request, *args, **options) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise CassetteError(f"an answer of more than {MAX_BYTES} bytes is not recorded")
            pairs = response.raw.headers.items()
            headers = tuple((name, value) for name, value in pairs if name.lower() not in _OF_THE_WIRE)
            answer = Recorded(response.status_code, headers, bytes(body))
        with self._lock:
            self._mask.learn(_call(request), answer)
            self._exchanges.append(Exchange(_request(request), answer))
        # As it will be given again.
        return _given(self, request, _response(request.method or "GET", answer))

    def write(self) -> None:
        with self._lock:
            # What was learned late is taken out of what came early, too.
            write_cassette(self._path, [self._mask.exchange(one) for one in self._exchanges])


class _Replaying(HTTPAdapter):
    def __init__(self, path: Path, mask: Mask, ignoring: Collection[str]) -> None:
        super().__init__()
        self._path = path
        self._mask = mask
        self._ignoring = frozenset(ignoring)
        self._lock = threading.Lock()
        self._registry = FirstMatchRegistry()
        exchanges = read_cassette(path)
        self._recorded = [one.request for one in exchanges]
        self._sent = Request("", "")
        for one in exchanges:
            self._registry.add(_response(one.request.method, one.answer, match=[self._matcher(one.request)]))

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        with self._lock:
            self._mask.learn(_call(request))
            self._sent = self._mask.request(_request(request))
            found, _ = self._registry.find(request)
            if found is None:
                raise UnrecordedRequest(self._what_differs())
            return _given(self, request, found)

    def _matcher(self, recorded: Request) -> Any:
        return lambda _: ((found := differences(recorded, self._sent, self._ignoring)) == [], "; ".join(found))

    def _what_differs(self) -> str:
        sent = self._sent
        told = [f"{self._path} has no answer for {sent.method} {sent.url}"]
        found = closest(self._recorded, sent, self._ignoring)
        if found is None:
            told.append("nothing is recorded in it")
        else:
            one, lines = found
            told += [f"closest of {len(self._recorded)} recorded: {one.method} {one.url}", *lines[:MAX_DIFFERENCES]]
            if len(lines) > MAX_DIFFERENCES:
                told.append(f"and {len(lines) - MAX_DIFFERENCES} differences more")
        return "\n  ".join([*told, "if it is right so, record it again with record=True"])


def _call(request: requests.PreparedRequest) -> Call:
    url, _, query = (request.url or "").partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    headers = tuple((str(name), str(value)) for name, value in request.headers.items())
    return Call(request.method or "", url, "", pairs, headers, _body(request))


def _request(request: requests.PreparedRequest) -> Request:
    content_type = str(request.headers.get("Content-Type", ""))
    return Request(request.method or "", request.url or "", content_type, _body(request) or b"")


def _body(request: requests.PreparedRequest) -> bytes | None:
    body = request.body
    return body.encode() if isinstance(body, str) else body


def _response(method: str, answer: Recorded, **options: Any) -> Response:
    headers: Any = list(answer.headers)
    return Response(
        method, _ANY_URL, body=answer.body, status=answer.status, headers=headers, content_type=None, **options
    )


def _given(adapter: HTTPAdapter, request: requests.PreparedRequest, response: Any) -> requests.Response:
    return adapter.build_response(request, response.get_response(request))
