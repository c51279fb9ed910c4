"""An archive as it is written: a gzip-compressed tar (POSIX.1-2001) of files of JSON documents, as a stream.

A file of a tar has its size before it: lines are gathered until a part is full. Memory is that of one part.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import datetime
from typing import Any, BinaryIO

PART_BYTES = 8 * 1024 * 1024
COMPRESSION = 6


class Archive:
    """Files in one folder, written to `out` one after the other. A context: leaving it ends the archive, and an
    exception leaves it without its end.
    """

    def __init__(self, out: BinaryIO, folder: str, at: datetime) -> None:
        self._gzip = gzip.GzipFile(fileobj=out, mode="wb", compresslevel=COMPRESSION, mtime=at.timestamp())
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 (see __exit__)
        self._folder = folder
        self._at = at

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        if kind is None:
            self._tar.close()
            self._gzip.close()

    def add_document(self, name: str, document: object) -> None:
        """One file with one JSON document."""
        self.add(name, json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8") + b"\n")

    def add(self, name: str, data: bytes) -> None:
        """One file."""
        member = tarfile.TarInfo(f"{self._folder}/{name}")
        member.size, member.mode, member.mtime = len(data), 0o600, int(self._at.timestamp())
        self._tar.addfile(member, io.BytesIO(data))


class Lines:
    """Lines of one kind: `<kind>-000001.ndjson` and so on, none where there are no lines. A context."""

    def __init__(self, archive: Archive, kind: str, *, part_bytes: int = PART_BYTES) -> None:
        self._archive = archive
        self._kind = kind
        self._part_bytes = part_bytes
        self._held: list[bytes] = []
        self._held_bytes = self._parts = 0

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        if kind is None:
            self._flush()

    def write(self, document: Any) -> None:
        """One line."""
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        if self._held_bytes + len(line) > self._part_bytes:
            self._flush()
        self._held.append(line)
        self._held_bytes += len(line)

    def _flush(self) -> None:
        if self._held:
            self._parts += 1
            self._archive.add(f"{self._kind}-{self._parts:06}.ndjson", b"".join(self._held))
            self._held, self._held_bytes = [], 0
