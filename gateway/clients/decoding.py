"""Bodies that come compressed (RFC 9110, 8.4), decoded piece by piece: a small one never becomes a large piece."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

PIECE_BYTES: Final = 64 * 1024
# Also for `deflate`, whose format zlib's own is.
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_MAGIC: Final = b"\x1f\x8b"


class Inflating:
    """Decodes one body of `gzip` or `deflate`."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds to the body, at most `PIECE_BYTES` at a time. Raises `ValueError` for what is neither."""
        try:
            while True:
                piece = self._decoder.decompress(data, PIECE_BYTES)
                if piece:
                    yield piece
                data = self._decoder.unconsumed_tail
                if self._decoder.eof and self._decoder.unused_data.startswith(_MAGIC):
                    # Another member (RFC 1952, 2.2).
                    data, self._decoder = self._decoder.unused_data, zlib.decompressobj(_GZIP_OR_ZLIB)
                # A piece that is full may not be all of what went in.
                elif not data and (self._decoder.eof or len(piece) < PIECE_BYTES):
                    return
        except zlib.error as error:
            raise ValueError("neither gzip nor deflate") from error

    def require_end(self) -> None:
        """Raises `ValueError` when the body stopped in the middle."""
        if not self._decoder.eof:
            raise ValueError("cut off")
