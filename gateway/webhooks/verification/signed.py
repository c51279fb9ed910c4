"""The exact bytes that a signature covers: template alternatives, times the spellings of the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import SplitResult

from gateway.providers.model import Scheme
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import missing
from gateway.webhooks.verification.timestamps import check_age, stamp_of
from gateway.webhooks.verification.values import first_text, message_of

Envelope = Callable[[Reading], float | None]
Messages = Callable[[Reading], Iterable[bytes]]

_DEFAULT_PORTS = {"https": 443, "http": 80}


def envelope_of(scheme: Scheme) -> Envelope | None:
    """Read message id and time, which the signed text may contain; gives the time of signing where its age counts.

    None when the scheme has neither. The function raises Rejected when one of them is absent or unreadable.
    """
    stamp = stamp_of(scheme.timestamp) if scheme.timestamp is not None else None
    if not scheme.message_id:
        return stamp
    read_id = first_text(scheme.message_id)
    names = " or ".join(place.text for place in scheme.message_id)

    def read(reading: Reading) -> float | None:
        reading.message_id = read_id(reading)
        if not reading.message_id:
            raise missing(f"{names} is absent or empty")
        return stamp(reading) if stamp is not None else None

    return read


def age_check_of(scheme: Scheme) -> Callable[[Reading, float | None], None]:
    """What is left to do once a signature fits: refuse what is too old or from the future."""
    tolerance = scheme.timestamp.tolerance_seconds if scheme.timestamp is not None else None

    def check(reading: Reading, signed_at: float | None) -> None:
        if signed_at is not None and tolerance is not None:
            check_age(signed_at, reading.now, tolerance)

    return check


def signed_messages(scheme: Scheme) -> Messages:
    """Every text that the vendor may have signed; usually one."""
    builders = tuple(message_of(template) for template in scheme.signs)
    if scheme.any_port:
        return lambda reading: _by_url(reading, builders)
    if len(builders) == 1:
        only = builders[0]
        return lambda reading: (only(reading),)
    return lambda reading: [build(reading) for build in builders]


def _by_url(reading: Reading, builders: tuple[Callable[[Reading], bytes], ...]) -> list[bytes]:
    original = reading.url
    messages = []
    for url in url_spellings(original, reading.split()):
        reading.url = url
        messages += [build(reading) for build in builders]
    reading.url = original
    return messages


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
