"""The signed requests of tests/fixtures/vectors.jsonl, and the way to judge them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.providers import Provider, Scheme, catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge

FIXTURES = Path(__file__).parents[2] / "fixtures"
FIELDS = {
    "secrets",
    "public_key",
    "certs",
    "root_certs",
    "jwks",
    "username",
    "password",
    "pending_handshake",
}


@dataclass(frozen=True)
class Vector:
    """One signed request, what its source is configured with, and what is expected of it."""

    id: str
    provider: Provider
    scheme: Scheme
    case: str
    expect: str
    now: float
    credentials: Credentials
    request: InboundRequest
    expected: dict[str, Any]

    def judge(
        self,
        *,
        request: InboundRequest | None = None,
        credentials: Credentials | None = None,
        now: float | None = None,
    ) -> Verdict:
        """Judge the request as its scheme has it, or with a part of it exchanged."""
        return judge(
            self.provider,
            request or self.request,
            credentials or self.credentials,
            now=self.now if now is None else now,
            scheme=self.scheme.id,
        )

    def with_headers(self, headers: Sequence[tuple[str, str]]) -> InboundRequest:
        """The request with other headers."""
        return InboundRequest(self.request.method, self.request.url, headers, self.request.body)

    def with_proofs(self, change: Callable[[str], str]) -> InboundRequest:
        """The request with the texts of its signature or token headers changed."""
        return self.with_headers(
            [
                (name, change(value) if name.lower() in self.proof_headers else value)
                for name, value in self.request.headers
            ]
        )

    @property
    def proof_headers(self) -> set[str]:
        """The lower-case names of the headers that carry the scheme's signature or token."""
        part = self.scheme.signature or self.scheme.token or self.scheme.jwt
        places = part.places if part is not None else ()
        names = {place.name for place in places if place.kind == "header"}
        return names | {"basic": {"authorization"}}.get(self.scheme.family, set())


def _vector(line: str) -> Vector:
    raw = json.loads(line)
    provider = catalogue()[raw["provider"]]
    config, request = raw["config"], raw["request"]
    return Vector(
        id=raw["id"],
        provider=provider,
        scheme=provider.scheme(raw["scheme"]),
        case=raw["case"],
        expect=raw["expect"],
        now=raw["clock"],
        credentials=Credentials(
            **{name: value for name, value in config.items() if name in FIELDS},
            options={name: value for name, value in config.items() if name not in FIELDS},
        ),
        request=InboundRequest(
            request["method"],
            request["url"],
            [(name, value) for name, value in request["headers"]],
            base64.b64decode(request["body_b64"]),
        ),
        expected=raw.get("expected", {}),
    )


def load_vectors() -> list[Vector]:
    """All vectors, in the file's order."""
    return [_vector(line) for line in (FIXTURES / "vectors.jsonl").read_text(encoding="utf-8").splitlines()]


VECTORS = load_vectors()
VALID = [vector for vector in VECTORS if vector.expect == "accept"]
GREETINGS = [vector for vector in VECTORS if vector.expect == "handshake"]


@pytest.fixture
def vector_of() -> dict[str, Vector]:
    """Vectors by id."""
    return {vector.id: vector for vector in VECTORS}
