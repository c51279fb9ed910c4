"""One RSA key for all tests of a process that need any: to make one takes longer than most tests."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """A key of 2048 bits, the same for everybody who asks."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
