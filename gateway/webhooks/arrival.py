"""An inbound request as the ingest use case takes it, whichever server received it; and the answers it gets."""

from __future__ import annotations

import json
from typing import NamedTuple

JSON_TYPE = "application/json"


class Body(NamedTuple):
    """A request's body. `data` is empty where there was more than the limit allows (`is_oversized`); it is what came
    where the sender broke off before the end that it had announced (`is_truncated`).
    """

    data: bytes
    is_oversized: bool = False
    is_truncated: bool = False


class Arrival(NamedTuple):
    """One HTTP request on an inbound URL. What it carries does not show in a repr.

    `url` is the public URL as the provider knows it; `headers` keeps order and repeats as far as the server does.
    `body` is the exact bytes, at most one more than the limit: `is_oversized` says that there was more. `began` is
    `received_at_us` on the steady clock, in seconds.
    `is_truncated` says that the sender broke off before the length it had announced.
    """

    tenant: str
    source: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client_address: str
    request_id: str
    received_at_us: int
    began: float
    is_oversized: bool = False
    is_truncated: bool = False

    def __repr__(self) -> str:
        return f"Arrival({self.method}, {self.tenant}, {self.source}, {self.request_id})"

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        wanted, length = name.lower(), len(name)
        for key, value in self.headers:
            if len(key) == length and key.lower() == wanted:
                return value
        return None


class Answer(NamedTuple):
    """A complete HTTP answer. `reason` is the code of a refusal, for logs and metrics."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


def refusal(
    status: int,
    code: str,
    message: str,
    *,
    retry_after_seconds: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """An error answer in the shape of the inbound contract."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode("utf-8")
    if retry_after_seconds is not None:
        headers = (*headers, ("Retry-After", str(retry_after_seconds)))
    return Answer(status, body, headers=headers, reason=code)
