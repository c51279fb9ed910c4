"""A source's own secrets, found by their value wherever they stand in a request that is about to be kept.

`secrets_at_rest` goes by names: what a sender puts into another place by mistake (`?pwd=`, a Referer, a member of its
own) is found here, as it stands or in the spellings that URLs, JSON, Basic authentication and hexadecimals give it. Not
found is what is compressed or encrypted. Pure.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from gateway.security.sealed_text import SEALED

# Where a secret stands more often than this in one text, or is so short that it seems to, the text is sealed whole.
MOST_FOUND = 64
# The beginning of a secret, at the end of a text that was cut, is worth hiding from so many bytes on.
TELLING_BYTES = 4


class OwnSecrets:
    """The secrets of one source. Safe for any number of threads; what is looked for is worked out when first needed."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(filter(None, secrets))

    def sealed(self, kept: bytes, original: bytes, seal: Callable[[bytes], bytes], *, is_cut: bool = False) -> bytes:
        """`kept` with every secret sealed where it stands. It is `original`, in which some values may be sealed
        already; `is_cut` when that is the beginning of something longer.
        """
        if not self._secrets:
            return kept
        if is_cut:
            kept = self._without_beginning(kept, seal)
        if not any(spelling in kept for spelling in self._spellings):
            return kept
        found = 0

        def replaced(match: re.Match[bytes]) -> bytes:
            nonlocal found
            if match["sealed"]:
                return match[0]
            found += 1
            # It is going to be sealed whole: what this one would take is saved.
            return seal(match[0]) if found <= MOST_FOUND else match[0]

        sealed = self._pattern.sub(replaced, kept)
        return sealed if found <= MOST_FOUND else seal(original)

    def _without_beginning(self, text: bytes, seal: Callable[[bytes], bytes]) -> bytes:
        """`text` without the beginning of a secret that it ends with."""
        for spelling in self._spellings:
            for size in range(min(len(spelling) - 1, len(text)), TELLING_BYTES - 1, -1):
                if text.endswith(spelling[:size]):
                    return text[:-size] + seal(text[-size:])
        return text

    @cached_property
    def _spellings(self) -> tuple[bytes, ...]:
        found = {spelling for secret in self._secrets for spelling in _spellings(secret)}
        return tuple(sorted(found, key=len, reverse=True))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        spelled = b"|".join(map(re.escape, self._spellings))
        return re.compile(b"(?P<sealed>%b)|%b" % (SEALED.pattern.encode(), spelled))


def _spellings(secret: str) -> Iterator[bytes]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield raw
    for written in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield written.encode()
        yield re.sub("%..", lambda match: match[0].lower(), written).encode()
    for written in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield written.encode("utf-8", "surrogatepass")
        yield written.replace("/", "\\/").encode("utf-8", "surrogatepass")
    yield from (secret.encode(name, "surrogatepass") for name in ("utf-16-le", "utf-16-be"))
    if not secret.isascii():
        # As a header that was read byte by byte has it, and as an older form does.
        yield raw.decode("latin-1").encode()
        yield secret.encode("latin-1", "replace")
    if len(raw) >= TELLING_BYTES:
        yield from (raw.hex().encode(), raw.hex().upper().encode())
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).rstrip(b"=")
            # Behind a user name, say: the characters that are made of the secret alone.
            for before in range(3):
                first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
                yield encode(b"\0" * before + raw)[first:last]


NO_SECRETS = OwnSecrets()
"""Of a source that is not there, or cannot be loaded."""
