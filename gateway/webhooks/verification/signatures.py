"""Cutting signatures out of a request: prefixes, labelled lists, positions, encodings.

What is not written exactly as the scheme says is malformed; an unknown label beside the known one is skipped, as
versioned headers want it.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable

from gateway.content.forms import Fields
from gateway.providers.webhook.parts import Signature
from gateway.providers.webhook.places import Template
from gateway.webhooks.verification.keys import decode_base64url
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, missing
from gateway.webhooks.verification.values import Text, first_text, message_of, text_of

Candidates = Callable[[Reading], list[bytes]]
Decoder = Callable[[str], bytes]

MAX_CANDIDATES = 32


def candidates_of(signature: Signature) -> Candidates:
    """The decoded signatures that the request carries, at least one; raises Rejected when there is none."""
    decode = _DECODERS[signature.encoding]
    names = " or ".join(place.text for place in signature.places)
    if signature.every:
        return _every(tuple(text_of(place) for place in signature.places), signature.prefix, decode, names)
    read = first_text(signature.places)
    if signature.pair is None and signature.split is None:
        return _single(read, signature.prefix, decode, names)
    cut = _labelled(signature, names) if signature.take is not None else _positional(signature, names)

    def candidates(reading: Reading) -> list[bytes]:
        return _decode_any(cut(reading, _without_prefix(read(reading), signature.prefix, names)), decode, names)

    return candidates


def _single(read: Text, prefix: str, decode: Decoder, names: str) -> Candidates:
    length = len(prefix)

    def candidates(reading: Reading) -> list[bytes]:
        text = read(reading)
        if not text:
            raise missing(f"{names} is absent or empty")
        if length:
            if not text.startswith(prefix):
                raise malformed(f"{names} does not begin with {prefix!r}")
            text = text[length:]
        try:
            value = decode(text)
        except ValueError:
            value = b""
        if not value:
            raise malformed(f"{names} is not written in the encoding that the scheme prescribes")
        return [value]

    return candidates


def _every(readers: tuple[Text, ...], prefix: str, decode: Decoder, names: str) -> Candidates:
    def candidates(reading: Reading) -> list[bytes]:
        texts = [text for reader in readers if (text := reader(reading))]
        if not texts:
            raise missing(f"{names}: all are absent or empty")
        return _decode_any([_without_prefix(text, prefix, names) for text in texts], decode, names)

    return candidates


def _labelled(signature: Signature, names: str) -> Callable[[Reading, str], list[str]]:
    """Values labelled so, as in `t=1,v1=abc`; the other labels become the reading's fields."""
    split, pair, several = signature.split, signature.pair or "=", signature.several
    wanted = message_of(signature.take or Template("", ()))

    def cut(reading: Reading, text: str) -> list[str]:
        label = wanted(reading).decode("utf-8", "surrogateescape")
        values: list[str] = []
        fields: Fields = {}
        for item in text.split(split) if split else (text,):
            name, separator, value = item.partition(pair)
            name, value = name.strip(" \t"), value.strip(" \t")
            if not separator or not name:
                continue
            if name == label:
                values.append(value)
            else:
                fields.setdefault(name, []).append(value)
        reading.fields = fields
        if not values:
            raise malformed(f"{names} has no part labelled {label!r}")
        if len(values) > (MAX_CANDIDATES if several else 1):
            raise malformed(f"{names} has too many parts labelled {label!r}")
        return values

    return cut


def _positional(signature: Signature, names: str) -> Callable[[Reading, str], list[str]]:
    """Values from a position on, as in `1700000000000,abc`; those before it become fields by number."""
    split, first, several = signature.split, signature.take_from or 0, signature.several

    def cut(reading: Reading, text: str) -> list[str]:
        items = [item.strip(" \t") for item in text.split(split)]
        reading.fields = {str(position): [item] for position, item in enumerate(items[:first])}
        values = items[first:]
        if not values:
            raise malformed(f"{names} has no part at position {first}")
        if len(values) > (MAX_CANDIDATES if several else 1):
            raise malformed(f"{names} has too many parts")
        return values

    return cut


def _without_prefix(text: str | None, prefix: str, names: str) -> str:
    if not text:
        raise missing(f"{names} is absent or empty")
    if not text.startswith(prefix):
        raise malformed(f"{names} does not begin with {prefix!r}")
    return text[len(prefix) :]


def _decode_any(texts: list[str], decode: Decoder, names: str) -> list[bytes]:
    decoded = []
    for text in texts:
        try:
            value = decode(text)
        except ValueError:
            continue
        if value:
            decoded.append(value)
    if not decoded:
        raise malformed(f"{names} is not written in the encoding that the scheme prescribes")
    return decoded


def _base64(text: str) -> bytes:
    return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)


def _base64url(text: str) -> bytes:
    return decode_base64url(text.encode("ascii"))


_DECODERS: dict[str, Decoder] = {"hex": binascii.unhexlify, "base64": _base64, "base64url": _base64url}
