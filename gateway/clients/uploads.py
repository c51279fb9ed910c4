"""A body that is sent while it comes from somewhere else: once, and bounded by what it comes from."""

from __future__ import annotations

from collections.abc import Iterator


class Upload:
    """`pieces` are sent in their order. `length` is that of all of them, None where it is not known before: it goes in
    chunks then. What `pieces` raises ends the request, and is raised as it is.
    """

    def __init__(self, pieces: Iterator[bytes], *, length: int | None) -> None:
        self._pieces = pieces
        self.length = length
        self.sent_bytes = 0
        self.has_begun = False

    def __iter__(self) -> Iterator[bytes]:
        # A request library would send what is left of it as if it were the whole.
        assert not self.has_begun, "a stream is sent once"
        self.has_begun = True
        for piece in self._pieces:
            self.sent_bytes += len(piece)
            yield piece
