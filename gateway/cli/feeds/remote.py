"""The feed of another gateway, from its API: connected again when it is cut off, from where it was."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from gateway.cli.feeds.feed import Lost, News, Ready, Unreadable, Wanted
from gateway.clock import Clock, to_us
from gateway.delivery.forwarded import ForwardedEvent
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.events.live.reading import Seen, StreamReader
from gateway.events.matching import require_pattern
from gateway.events.models import SYSTEM_SOURCE
from gateway.events.search import PREFIX
from gateway.outgoing.remote_gateway import RemoteGateway, RemoteReply, Stream, Unreachable
from gateway.security.identifiers import earliest_id
from gateway.suggestions import nearly
from gateway.webhooks.samples.documents import sample_bodies

PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
LAST_EVENT_ID = "Last-Event-ID"


class RemoteFeed:
    """Listens to `gateway`. Making it raises `NotFound` for names that are probably mistakes, and `InvalidInput` where
    the gateway does not answer or lets nobody in with this key.
    """

    def __init__(self, gateway: RemoteGateway, wanted: Wanted, clock: Clock) -> None:
        self._gateway = gateway
        self._wanted = wanted
        self._clock = clock
        self._seen = Seen()
        given = {"source": wanted.source, "type": wanted.type}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        self._path = "/events/stream" + (f"?{query}" if query else "")
        for pattern in wanted.types:
            require_pattern(pattern)
        try:
            for source in wanted.sources:
                self._require_known(source)
        except Unreachable as error:
            raise InvalidInput(str(error)) from error

    def news(self, ending: threading.Event) -> Iterator[News]:
        """As the port has it."""
        tries, has_begun, is_lost = 0, False, False
        while not ending.is_set():
            try:
                headers = {} if self._seen.position is None else {LAST_EVENT_ID: self._seen.position}
                with self._gateway.stream(self._path, headers) as answer:
                    stream = _required(answer)
                    tries, has_begun, is_lost = 0, True, False
                    self._seen.begin(self._moment(stream))
                    yield Ready()
                    yield from self._told(stream)
                why = "the gateway ended the stream"
            except Unreachable as error:
                if not has_begun:
                    raise InvalidInput(str(error)) from error
                why = str(error)
            if not is_lost and not ending.is_set():
                yield Lost(why)
            is_lost = True
            ending.wait(PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)])
            tries += 1

    def close(self) -> None:
        """End the stream."""
        self._gateway.close()

    def _told(self, stream: Stream) -> Iterator[News]:
        reader = StreamReader()
        for piece in stream.pieces():
            try:
                told = reader.feed(piece)
            except ValueError as error:
                raise Unreachable("what came is no stream of events") from error
            for event in told:
                event_id = str(event["id"])
                if self._seen.knows(event_id):
                    continue
                if self._wanted.lets_pass(event["source"], event["type"]):
                    yield self._contents(event_id)
                # Now it is in somebody's hands: a stream that is cut off before that begins with it again.
                self._seen.add(event_id)

    def _contents(self, event_id: str) -> News:
        reply = self._gateway.get(f"/events/{event_id}/forwarded")
        if reply.status == HTTPStatus.OK:
            return _forwarded(reply.document)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(reply.problem)
        if reply.status == HTTPStatus.NOT_FOUND:
            return Unreadable(event_id, reply.problem)
        raise _refusal(reply)

    def _moment(self, stream: Stream) -> str:
        at_us = self._clock.now_us() if stream.told_at is None else to_us(stream.told_at)
        return earliest_id(PREFIX, at_us)

    def _require_known(self, source: str) -> None:
        if source == SYSTEM_SOURCE:
            return
        reply = self._gateway.get(f"/sources/{quote(source, safe='')}")
        if reply.status == HTTPStatus.FORBIDDEN:
            # The key opens the stream and not the sources: then names cannot be looked at.
            return
        if reply.status != HTTPStatus.OK:
            raise _refusal(reply)
        known = sample_bodies(str(reply.document.get("provider")))
        for pattern in self._wanted.types:
            near = None if "*" in pattern or "?" in pattern else nearly(pattern, known)
            if near is not None:
                hint = Hint("did_you_mean", {"names": [near]})
                raise NotFound(f"there is no event of the type {pattern!r} of {source}", hint)


def _required(answer: Stream | RemoteReply) -> Stream:
    if isinstance(answer, Stream):
        return answer
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unreachable(answer.problem)
    raise _refusal(answer)


def _refusal(reply: RemoteReply) -> InvalidInput:
    if reply.document is None:
        return InvalidInput(f"that is no gateway: it answers {reply.status} without saying why")
    kind = NotFound if reply.status == HTTPStatus.NOT_FOUND else InvalidInput
    return kind(f"the gateway answers {reply.status}: {reply.problem}", *_suggested(reply.document))


def _suggested(document: Any) -> Iterator[Hint]:
    """What the gateway thinks was meant."""
    hints = document.get("hints") if isinstance(document, dict) else None
    for hint in hints if isinstance(hints, list) else ():
        names = hint.get("parameters", {}).get("names")
        if hint.get("action") == "did_you_mean" and isinstance(names, list):
            yield Hint("did_you_mean", {"names": [str(name) for name in names]})


def _forwarded(document: Mapping[str, Any]) -> ForwardedEvent:
    text = document.get("body")
    body = base64.b64decode(document["body_base64"]) if text is None else str(text).encode()
    headers = tuple((str(name), str(value)) for name, value in document["headers"])
    return ForwardedEvent(document["id"], document["source"], document["type"], headers, body)
