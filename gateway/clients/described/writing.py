"""What a write sends by its entry: the record, a key to send it again with, and the version that it is based on."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import jmespath

from gateway.clients.described.asking import placed
from gateway.errors import InvalidInput
from gateway.providers.api.model import Concurrency, Write


def options_of(
    write: Write,
    record: Mapping[str, Any] | None,
    *,
    concurrency: Concurrency | None,
    based_on: Mapping[str, Any] | None = None,
    version: str | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """The options of the call that writes `record`, if the system still has what `based_on` was read as, or `version`
    (None: whatever it has). `idempotency_key` goes where the write takes one; None: a new one. Raises `InvalidInput`
    where that cannot be asked.
    """
    headers: dict[str, str] = {}
    query: dict[str, object] = {}
    content = None if record is None else dict(record)
    if based_on is not None or version is not None:
        if concurrency is None:
            raise InvalidInput("of this list it is not known how a write is bound to the version that was read")
        bound = _version_of(concurrency, based_on) if based_on is not None else _kept(concurrency, version or "")
        if concurrency.header is not None:
            headers[concurrency.header] = _in_header(concurrency.header, bound)
        elif content is not None:
            content = placed(content, [(concurrency.field or "", bound)])
        else:
            query[concurrency.field or ""] = bound
    key = idempotency_key or str(uuid.uuid4())
    if write.idempotency_header is not None:
        headers[write.idempotency_header] = key
    options: dict[str, Any] = {"headers": headers, "query": query}
    if content is not None:
        body: dict[str, Any] = {write.wrap: content} if write.wrap is not None else content
        if write.idempotency_field is not None:
            body.setdefault(write.idempotency_field, key)
        options["form" if write.form else "json"] = body
    options["may_repeat"] = write.idempotency_header is not None or write.idempotency_field is not None
    return options


def _version_of(concurrency: Concurrency, record: Mapping[str, Any]) -> str | int:
    found = jmespath.search(concurrency.version, record)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise InvalidInput(f"the record that this is based on has no version at {concurrency.version}")
    return found


def _kept(concurrency: Concurrency, version: str) -> str | int:
    """A version that was kept as text, as the system has it."""
    if not concurrency.is_number:
        return version
    try:
        return int(version)
    except ValueError as error:
        raise InvalidInput(f"the version {version!r} is no number") from error


def _in_header(header: str, version: str | int) -> str:
    """A version as it stands in this header: a date (RFC 9110, 13.1.4) or the text as it came."""
    if header.lower() != "if-unmodified-since":
        return str(version)
    try:
        at = datetime.fromisoformat(str(version))
    except ValueError as error:
        raise InvalidInput(f"the version {version!r} is not an instant") from error
    return format_datetime(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC), usegmt=True)
