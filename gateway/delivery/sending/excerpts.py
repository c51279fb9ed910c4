"""Foreign text, made fit for a log and a text column: bounded, without NUL and lone surrogates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.delivery.decisions.policy import AttemptResult
from gateway.delivery.decisions.target import Target
from gateway.security.redaction import REDACTED

EXCERPT_CHARACTERS = 1024
# What is shorter is no secret, and would be found in any text.
SHORTEST_SECRET = 6


def storable(text: str) -> str:
    """At most `EXCERPT_CHARACTERS` of `text`, as both databases and every log can take it."""
    cut = text[:EXCERPT_CHARACTERS].replace("\x00", "\ufffd")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def without_secrets(excerpt: str, secrets: Iterable[str]) -> str:
    """The excerpt without what the request had told the endpoint: some answer with all that they got."""
    # The longest first: a value that ends in a token goes as a whole.
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True):
        excerpt = excerpt.replace(secret, REDACTED)
    return excerpt


def excerpt_of(body: bytes) -> str | None:
    """The beginning of an answer as text; None for an empty one."""
    return storable(body[:EXCERPT_CHARACTERS].decode("utf-8", "replace")) if body else None


def without_told(result: AttemptResult, target: Target, told: Sequence[str] = ()) -> AttemptResult:
    """`result` without the secrets that were sent to `target`, should it have answered them: `told`, and in headers."""
    if result.excerpt is None or not (told or target.headers):
        return result
    own = [text for _name, value in target.headers for text in (value, value.rpartition(" ")[2])]
    return result._replace(excerpt=without_secrets(result.excerpt, [*own, *told]))
