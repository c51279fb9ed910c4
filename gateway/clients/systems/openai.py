"""Embeddings by OpenAI's API, or by any server that speaks it.

    openai = OpenAI(key)
    vector = openai.create_embedding("a text")
    for vector in openai.create_embeddings(texts): ...

Source: OpenAI's API reference, embeddings and rate limits. How errors and waits are said is the catalogue's entry.
"""

from __future__ import annotations

import itertools
import math
import struct
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.clients.auth.base import Auth, TokenSource
from gateway.clients.batching import grouped
from gateway.clients.client import ApiClient
from gateway.clients.errors import ResponseInvalid
from gateway.clients.limits import RateLimit
from gateway.clients.waits import Unit, read
from gateway.errors import InvalidInput

MODEL: Final = "text-embedding-3-small"
MAX_TEXTS: Final = 2048
MAX_TOKENS: Final = 300_000

# Of one vector, also where it comes as decimal numbers and has 4096 of them.
_VECTOR_BYTES: Final = 100_000

CountTokens = Callable[[str], int]
"""How many tokens a text has, or at most has."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What headers say of one limit: in all, what remains of it, and in how many seconds it is whole again."""

    total: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts, in their order. `tokens` is what they cost; None where the server does not say.

    `requests_limit` and `tokens_limit` are None where the server sends no such headers.
    """

    model: str
    vectors: tuple[list[float], ...] = field(repr=False)
    tokens: int | None = None
    requests_limit: Limit | None = None
    tokens_limit: Limit | None = None


class OpenAI:
    """A client for embeddings. Safe from any thread.

    `credential` is a key, an `Auth`, or what gives tokens; None for servers that want none. `count_tokens` decides how
    many texts go into a request; without it a text counts as many tokens as it has bytes, of which it never has fewer.
    `max_texts` and `max_tokens` are of one request. `options` are those of `ApiClient`.
    """

    def __init__(
        self,
        credential: str | Auth | TokenSource | None = None,
        *,
        base_url: str | None = None,
        count_tokens: CountTokens | None = None,
        max_texts: int = MAX_TEXTS,
        max_tokens: int = MAX_TOKENS,
        **options: Any,
    ) -> None:
        if max_texts < 1 or max_tokens < 1:
            raise ValueError("a request holds at least one text of one token")
        given = options.pop("rate_limit", ())
        self._limit = given if isinstance(given, RateLimit) else RateLimit("openai", given, clock=options.get("clock"))
        self.http = ApiClient.for_provider(
            "openai", credential, base_url=base_url, rate_limit=self._limit, **options
        ).http
        self._count = count_tokens or _bytes_of
        self._max_texts = max_texts
        self._max_tokens = max_tokens

    def create_embedding(self, text: str, model: str = MODEL, *, dimensions: int | None = None) -> list[float]:
        """The vector of `text`, with `dimensions` numbers where the model can be asked for that.

        Raises `InvalidInput` for an empty text, `IntegrationError`: `QuotaExhausted` when there is no money left.
        """
        return next(self.create_embeddings([text], model, dimensions=dimensions))

    def create_embeddings(
        self, texts: Iterable[str], model: str = MODEL, *, dimensions: int | None = None
    ) -> Iterator[list[float]]:
        """The vectors of `texts`, in their order; the texts are taken as they are needed, a request at a time.

        Raises as `create_embedding`; what came before an error is good, and need not be asked for again.
        """
        for embedded in self.batches(texts, model, dimensions=dimensions):
            yield from embedded.vectors

    def batches(self, texts: Iterable[str], model: str = MODEL, *, dimensions: int | None = None) -> Iterator[Embedded]:
        """As `create_embeddings`, one `Embedded` a request."""
        if dimensions is not None and dimensions < 1:
            raise InvalidInput("a vector has at least one dimension")
        before: tuple[Embedded, int] | None = None
        for batch, tokens in batched(texts, self._count, max_texts=self._max_texts, max_tokens=self._max_tokens):
            if before is not None and (pause := pause_before(*before, tokens)) is not None:
                self._limit.hold(pause)
            embedded = self._embed(batch, model, dimensions)
            before = embedded, tokens
            yield embedded

    def _embed(self, texts: Sequence[str], model: str, dimensions: int | None) -> Embedded:
        asked: dict[str, object] = {"model": model, "input": texts, "encoding_format": "base64"}
        if dimensions is not None:
            asked["dimensions"] = dimensions
        answer = self.http.request(
            "POST",
            "/embeddings",
            json=asked,
            headers={"Accept": "application/json"},
            may_repeat=True,
            max_bytes=len(texts) * _VECTOR_BYTES + 100_000,
        )
        document = self.http.document_of(answer, "POST", "/embeddings")
        vectors = vectors_of(document, len(texts), dimensions)
        usage = document.get("usage")
        cost = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return Embedded(
            model=str(document.get("model") or model),
            vectors=tuple(vectors),
            tokens=cost if isinstance(cost, int) else None,
            requests_limit=limit_of(answer.headers, "requests"),
            tokens_limit=limit_of(answer.headers, "tokens"),
        )


def batched(
    texts: Iterable[str], count: CountTokens, *, max_texts: int, max_tokens: int
) -> Iterator[tuple[list[str], int]]:
    """Texts for one request each, and how many tokens they count; one that is too large for any goes alone.

    Raises `InvalidInput` for what cannot be embedded, with its position.
    """
    positions = itertools.count()

    def weigh(text: str) -> int:
        position = next(positions)
        if not isinstance(text, str) or not text:
            raise InvalidInput(f"text {position} is {'empty' if text == '' else 'none'}: it has no embedding")
        try:
            return count(text)
        except UnicodeEncodeError as error:
            raise InvalidInput(f"text {position} holds half a character (a lone surrogate)") from error

    return grouped(texts, weigh, max_items=max_texts, max_weight=max_tokens)


def vectors_of(document: Any, count: int, dimensions: int | None) -> list[list[float]]:
    """The vectors of an answer by index: base64 of little-endian float32, or numbers. Raises `ResponseInvalid`."""
    data = document.get("data") if isinstance(document, dict) else None
    found: dict[int, list[float]] = {}
    for one in data if isinstance(data, list) else ():
        if isinstance(one, dict) and isinstance(index := one.get("index"), int):
            found[index] = _vector(one.get("embedding"))
    if found.keys() != set(range(count)) or len(data or ()) != count:
        raise ResponseInvalid(f"there is not one embedding for each of {count} texts in the answer")
    lengths = {len(vector) for vector in found.values()}
    if dimensions is not None and lengths != {dimensions}:
        raise ResponseInvalid(f"vectors have {sorted(lengths)} dimensions where {dimensions} were asked for")
    if len(lengths) > 1:
        raise ResponseInvalid("the vectors of one answer differ in their dimensions")
    return [found[index] for index in range(count)]


def _vector(value: object) -> list[float]:
    try:
        if isinstance(value, str):
            raw = b64decode(value, validate=True)
            vector = list(struct.unpack(f"<{len(raw) // 4}f", raw))
        elif isinstance(value, list):
            vector = [float(number) for number in value]
        else:
            vector = []
    except (ValueError, TypeError, struct.error) as error:
        raise ResponseInvalid("an embedding is neither base64 of float32 nor a list of numbers") from error
    if not vector or not all(map(math.isfinite, vector)):
        raise ResponseInvalid("an embedding is empty, or holds what is no number")
    return vector


def limit_of(headers: Mapping[str, str], what: str) -> Limit | None:
    """What `x-ratelimit-*-requests` or `-tokens` say; None when they say nothing, or -1 and 0 as Azure was seen to."""
    try:
        total = int(headers[f"x-ratelimit-limit-{what}"])
        remaining = int(headers[f"x-ratelimit-remaining-{what}"])
    except (KeyError, ValueError):
        return None
    reset = read(headers.get(f"x-ratelimit-reset-{what}", ""), Unit.DURATION, now=0)
    return Limit(total, remaining, reset) if total > 0 and remaining >= 0 and reset is not None else None


def pause_before(embedded: Embedded, counted: int, following: int) -> float | None:
    """Seconds to wait after `embedded`, whose texts counted as `counted`, before one that counts as `following`.

    None when there is room for it: what it will cost is judged by what the one before cost.
    """
    if embedded.requests_limit is not None and embedded.requests_limit.remaining == 0:
        return embedded.requests_limit.reset_seconds
    limit = embedded.tokens_limit
    cost = following * embedded.tokens / counted if embedded.tokens is not None and counted else following
    return limit.reset_seconds if limit is not None and limit.remaining < min(cost, limit.total) else None


def _bytes_of(text: str) -> int:
    return len(text.encode())
