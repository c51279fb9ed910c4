"""The body of a proxied call: held where it is small, and so may be sent again, else passed on while it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.clients.uploads import Upload
from gateway.errors import BodyIncomplete, BodyTooLarge
from gateway.oauth.proxy.headers import Pairs

HELD_BYTES: Final = 64 * 1024
"""A body of no more is held as a whole."""
SIGNED_FORM_BYTES: Final = 1024 * 1024
"""The same for a form, where a signature is over what stands in it."""
PIECE_BYTES: Final = 64 * 1024

_FORM = "application/x-www-form-urlencoded"


class Source(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, as soon as there are any; empty at the end. Raises `GatewayError` where it broke off."""
        ...


@dataclass(frozen=True, slots=True)
class Body:
    """One of both: `held`, which may be sent again, or `upload`."""

    held: bytes | None = None
    upload: Upload | None = None


def is_form(headers: Pairs) -> bool:
    """Whether a request's headers say that its body is a form. Pure."""
    given = next((value for name, value in headers if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower() == _FORM


def read_body(source: Source, length: int | None, *, most: int | None, held: int, needs_whole: bool) -> Body:
    """The body that `source` gives, of `length` bytes where that is known, as a whole up to `held`.

    `most` is how large it may be, None: of any size; with `needs_whole` no larger than what is held. Raises
    `BodyTooLarge`, `BodyIncomplete`, and what `source` does; so does the upload while it is sent.
    """
    largest = held if needs_whole else most
    if length is not None and largest is not None and length > largest:
        raise _too_large(largest)
    held = held if largest is None else min(held, largest)
    start = b""
    while len(start) <= held:
        piece = source.read(held + 1 - len(start))
        if not piece:
            _require_whole(len(start), length)
            return Body(held=start or None)
        start += piece
    if held == largest:
        raise _too_large(largest)
    return Body(upload=Upload(_pieces(start, source, length, largest), length=length))


def _pieces(start: bytes, source: Source, length: int | None, most: int | None) -> Iterator[bytes]:
    count, piece = 0, start
    while piece:
        count += len(piece)
        if most is not None and count > most:
            raise _too_large(most)
        yield piece
        piece = source.read(PIECE_BYTES)
    _require_whole(count, length)


def _require_whole(count: int, length: int | None) -> None:
    if length is not None and count < length:
        raise BodyIncomplete("the connection ended before the whole body had come")


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {most} bytes")
