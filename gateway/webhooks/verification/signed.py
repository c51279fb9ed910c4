"""The exact bytes that a signature covers, with the message id and the time that belong to them.

Template alternatives times the spellings of the URL; usually one text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import SplitResult

from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.places import places_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import missing
from gateway.webhooks.verification.timestamps import check_age, stamp_of
from gateway.webhooks.verification.values import first_text, message_of

# Reads message id and time; gives the time of signing where its age counts.
Envelope = Callable[[Reading], float | None]
Messages = Callable[[Reading], Iterable[bytes]]

_DEFAULT_PORTS = {"https": 443, "http": 80}


def opening_of(scheme: Scheme) -> Envelope:
    """What is read before the signed text is built, because it is part of it.

    The function raises Rejected when message id or time are absent, or the time is unreadable where its age counts.
    """
    return _envelope(scheme) if _is_signed_apart(scheme) else _nothing


def closing_of(scheme: Scheme) -> Callable[[Reading, float | None], None]:
    """What is left to do once a signature fits: refuse what is too old or from the future.

    A time that is only a part of the body is read here: in a body that was tampered with it says nothing.
    """
    tolerance = scheme.timestamp.tolerance_seconds if scheme.timestamp is not None else None
    late = _nothing if _is_signed_apart(scheme) else _envelope(scheme)

    def close(reading: Reading, signed_at: float | None) -> None:
        reading.prove()
        instant = late(reading) if signed_at is None else signed_at
        if instant is not None and tolerance is not None:
            check_age(instant, reading.now, tolerance)

    return close


def signed_messages(scheme: Scheme) -> Messages:
    """Every text that the vendor may have signed."""
    builders = tuple(message_of(template) for template in scheme.signs)
    if scheme.any_port:
        return lambda reading: _by_url(reading, builders)
    if len(builders) == 1:
        only = builders[0]
        return lambda reading: (only(reading),)
    return lambda reading: [build(reading) for build in builders]


def url_spellings(url: str, parts: SplitResult) -> tuple[str, ...]:
    """The URL as it is, without its port, and with the default one: vendors disagree with proxies about it."""
    scheme, separator, rest = url.partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    authority = parts.netloc
    if not separator or default is None or not authority or not rest.startswith(authority):
        return (url,)
    host, colon, port = authority.rpartition(":")
    bare = host if colon and port.isascii() and port.isdigit() else authority
    tail = rest[len(authority) :]
    return tuple(dict.fromkeys((url, f"{scheme}://{bare}{tail}", f"{scheme}://{bare}:{default}{tail}")))


def _is_signed_apart(scheme: Scheme) -> bool:
    """Whether id or time stand in the signed text as parts of their own."""
    return any(place.kind in ("timestamp", "id") for template in scheme.signs for place in places_of(template))


def _envelope(scheme: Scheme) -> Envelope:
    stamp = stamp_of(scheme.timestamp) if scheme.timestamp is not None else _nothing
    if not scheme.message_id:
        return stamp
    read_id = first_text(scheme.message_id)
    names = " or ".join(place.text for place in scheme.message_id)

    def read(reading: Reading) -> float | None:
        reading.message_id = read_id(reading)
        if not reading.message_id:
            raise missing(f"{names} is absent or empty")
        return stamp(reading)

    return read


def _nothing(reading: Reading) -> float | None:
    return None


def _by_url(reading: Reading, builders: tuple[Callable[[Reading], bytes], ...]) -> list[bytes]:
    original = reading.url
    messages = []
    for url in url_spellings(original, reading.split()):
        reading.url = url
        messages += [build(reading) for build in builders]
    reading.url = original
    return messages
