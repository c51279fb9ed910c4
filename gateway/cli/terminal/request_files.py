"""Requests as files that a person kept of them: headers in one, the exact bytes of the body in another."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.errors import InvalidInput

MAX_FILE_BYTES = 64 * 1024 * 1024


def read_headers(path: Path) -> list[tuple[str, str]]:
    """Headers from a file: JSON (an object, or a list of pairs), or lines `Name: value` as curl prints them.

    Raises `InvalidInput`.
    """
    text = read_bytes(path).decode("utf-8", "surrogateescape")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _header_lines(path, text)
    pairs = list(data.items()) if isinstance(data, dict) else data
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise InvalidInput(f"{path}: as JSON it must be an object, or a list of pairs of name and value")
    return [(str(name), str(one)) for name, value in pairs for one in (value if isinstance(value, list) else [value])]


def _header_lines(path: Path, text: str) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip("<> ").rstrip("\r")
        name, colon, value = bare.partition(":")
        if not bare or (number == 1 and ("HTTP/" in bare)):
            continue
        if not colon:
            raise InvalidInput(f"{path}, line {number}: is not written `Name: value`")
        found.append((name.strip(), value.strip(" \t")))
    return found


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises `InvalidInput`."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
