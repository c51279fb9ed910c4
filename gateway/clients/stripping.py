"""Taking secrets that are known out of what a system said: whole, as a URL writes them, or cut off at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote, quote_plus

from gateway.clients.errors import IntegrationError
from gateway.security.redaction import REDACTED

CUT: Final = "…"
"""What stands at the end of a text that was shortened."""

# The beginning of a secret that is shorter than this tells nothing, and would be found everywhere.
_TELLING_CHARACTERS: Final = 4


def without(text: str, secrets: Sequence[str]) -> str:
    """`text` with `secrets` left out."""
    spellings = {written for secret in secrets for written in _spellings(secret)}
    for written in sorted(spellings, key=len, reverse=True):
        text = text.replace(written, REDACTED)
        if text.endswith(CUT):
            text = _without_beginning(text.removesuffix(CUT), written) + CUT
    return text


def strip(error: IntegrationError, secrets: Sequence[str]) -> None:
    """Take `secrets` out of everything in `error` that the system said."""
    said = error.call
    error.call = replace(
        said,
        excerpt=without(said.excerpt, secrets),
        vendor_code=said.vendor_code and without(said.vendor_code, secrets),
        request_id=said.request_id and without(said.request_id, secrets),
    )
    error.args = (without(str(error), secrets),)


def _spellings(secret: str) -> Iterable[str]:
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)} - {""}


def _without_beginning(text: str, secret: str) -> str:
    """`text` without as much of `secret` as it ends with."""
    for size in range(min(len(secret) - 1, len(text)), _TELLING_CHARACTERS - 1, -1):
        if text.endswith(secret[:size]):
            return text[:-size] + REDACTED
    return text
