"""Which words may be in a block, in about 20 bits a word: a Bloom filter cut into segments of 32 bytes. Pure.

All bits of one word are in one segment, so that a question reads 32 bytes of a block and not all of it (Putze, Sanders
and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007). One block in about 300 seems to have a word that
is not there. Words of different tenants are different words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

SEGMENT_BYTES = 32
BITS_A_WORD = 20
_SEGMENT_BITS = SEGMENT_BYTES * 8
# Odd, with its bits spread out: the golden ratio in 64 bits (Knuth, The Art of Computer Programming 3, 6.4).
_SPREAD = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bits of a word are: in segment `number % segments`, those of `mask`."""

    number: int
    mask: int

    def may_hold(self, segment: bytes) -> bool:
        """Whether the word may be there, by its segment."""
        return int.from_bytes(segment, "little") & self.mask == self.mask


def place_of(tenant_id: str, word: bytes) -> Place:
    """Where a tenant's word is."""
    return _place(word, crc32(tenant_id.encode()))


def segments_for(words: int) -> int:
    """How many segments a filter of so many words has."""
    return max(1, -(-words * BITS_A_WORD // _SEGMENT_BITS))


def filter_of(words: Mapping[str, Collection[bytes]]) -> bytes:
    """The filter that holds the words of each tenant by its id."""
    masks = [0] * segments_for(sum(map(len, words.values())))
    for tenant_id, found in words.items():
        for place in _places(tenant_id, found):
            masks[place.number % len(masks)] |= place.mask
    return b"".join(mask.to_bytes(SEGMENT_BYTES, "little") for mask in masks)


def _places(tenant_id: str, words: Iterable[bytes]) -> Iterable[Place]:
    start = crc32(tenant_id.encode())
    return (_place(word, start) for word in words)


def _place(word: bytes, start: int) -> Place:
    number = crc32(word, start)
    spread = number * _SPREAD & 0xFFFF_FFFF_FFFF_FFFF
    mask = 1 << (spread >> 56) | 1 << (spread >> 48 & 255) | 1 << (spread >> 40 & 255)
    return Place(number, mask | 1 << (spread >> 32 & 255) | 1 << (spread >> 24 & 255))
