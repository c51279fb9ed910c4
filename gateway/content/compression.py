"""Bodies that vendors send compressed, inflated within bounds, so that no bomb fits in a request."""

from __future__ import annotations

import zlib

# Four times the largest body that is taken by default.
MAX_INFLATED_BYTES = 20 * 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31


def inflated(data: bytes) -> bytes | None:
    """The uncompressed bytes; data that is not gzip stays as it is, broken or oversized gzip is None."""
    if not data.startswith(_GZIP_MAGIC):
        return data
    inflater = zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        plain = inflater.decompress(data, MAX_INFLATED_BYTES)
    except zlib.error:
        return None
    return plain if inflater.eof and not inflater.unused_data else None
