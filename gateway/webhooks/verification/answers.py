"""The answer that a vendor prescribes to every event, where its entry has one. Pure; the shell sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from gateway.providers import Provider
from gateway.providers.webhook.places import Template


class SuccessAnswer(NamedTuple):
    """Status, headers (with the content type) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@lru_cache(maxsize=1024)
def success_answer(provider: Provider) -> SuccessAnswer | None:
    """What to answer once an event is stored; None where the gateway's own answer will do.

    Raises ValueError for an entry whose answer reads something of the request: what is prescribed is the same always.
    """
    answer = provider.webhook.answer
    if answer is None:
        return None
    headers = {"Content-Type": answer.content_type} if answer.content_type is not None else {}
    headers |= {name: _literal(template).decode() for name, template in answer.headers.items()}
    if answer.json is not None:
        members = {
            name: _literal(value).decode() if isinstance(value, Template) else value
            for name, value in answer.json.items()
        }
        return SuccessAnswer(answer.status, headers, json.dumps(members, separators=(",", ":")).encode())
    return SuccessAnswer(answer.status, headers, _literal(answer.body) if answer.body is not None else b"")


def _literal(template: Template) -> bytes:
    texts = [part for part in template.parts if isinstance(part, bytes)]
    if len(texts) != len(template.parts):
        raise ValueError(f"{template.text!r} reads a place; a prescribed answer is plain text")
    return b"".join(texts)
