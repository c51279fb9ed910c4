"""Small guarded requests to URLs that came from outside: certificates, subscription confirmations.

Deliveries to destinations are sent elsewhere.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from functools import partial

import requests
from urllib3.exceptions import HTTPError

from gateway.outgoing.caps import DOCUMENT, Caps
from gateway.outgoing.deadline import Deadline
from gateway.outgoing.document import FetchedResponse, FetchFailed
from gateway.outgoing.guard_requests import GuardedAdapter
from gateway.outgoing.resolver import Resolver
from gateway.outgoing.user_agent import user_agent
from gateway.security.ssrf import AddressPolicy

CHUNK_BYTES = 16 * 1024
USER_AGENT = user_agent("fetch")


class Fetcher:
    """Sends one request at a time for whoever asks, each on a connection of its own. Blocks; safe from any thread.

    Redirects are not followed: their answer is returned. `ssl_context` replaces the machine's trust.
    """

    def __init__(
        self,
        resolver: Resolver,
        policy: AddressPolicy,
        *,
        caps: Caps = DOCUMENT,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._resolver = resolver
        self._policy = policy
        self._caps = caps
        self._ssl_context = ssl_context or ssl.create_default_context()

    def get(self, url: str) -> FetchedResponse:
        """GET `url` from an address that the policy allows.

        Raises `AddressForbidden`, and `FetchFailed` when there is no whole answer within the caps.
        """
        return self.send("GET", url)

    def send(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes | None = None
    ) -> FetchedResponse:
        """`get`, with another method, a body, and headers that go before our own."""
        self._policy.check_url(url)
        request = requests.Request(method, url, headers=dict(headers), data=body)
        deadline = Deadline(self._caps.timeout_seconds)
        try:
            return deadline.run(partial(self._exchange, request, deadline))
        except (TimeoutError, requests.Timeout) as error:
            raise FetchFailed(f"no whole answer within {self._caps.timeout_seconds:g} seconds") from error
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # The type alone: messages of the libraries quote the URL, which may hold a token.
            raise FetchFailed(f"the request failed: {type(_root(error)).__name__}") from error

    def _exchange(self, request: requests.Request, deadline: Deadline) -> FetchedResponse:
        adapter = GuardedAdapter(self._resolver, self._policy, ssl_context=self._ssl_context, on_connect=deadline.watch)
        with requests.Session() as session:
            session.trust_env = False
            session.headers = requests.structures.CaseInsensitiveDict(
                {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
            )
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            prepared = session.prepare_request(request)
            # As it was checked: requests would write some characters in another way.
            prepared.url = request.url
            timeout = self._caps.timeout_seconds
            with session.send(prepared, stream=True, timeout=timeout, allow_redirects=False) as response:
                return FetchedResponse(response.status_code, _lower(response.headers), self._read(response))

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > self._caps.max_bytes:
                raise FetchFailed(f"the answer is larger than {self._caps.max_bytes} bytes")
        return bytes(body)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _root(error: BaseException) -> BaseException:
    """What `error` goes back to, below the libraries' own."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
