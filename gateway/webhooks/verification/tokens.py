"""Secrets that stand in the request itself: the families `token` and `basic`."""

from __future__ import annotations

import binascii
import hmac

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.values import first_text, header_bytes, to_bytes
from gateway.webhooks.verification.verify import Verify, token_of


def verify_token(scheme: Scheme) -> Verify:
    """Compare the token with every current secret, in constant time."""
    token = token_of(scheme)
    read, prefix, secrets = first_text(token.places), token.prefix, secrets_of(scheme.key)
    names = " or ".join(place.text for place in token.places)
    encode = header_bytes if all(place.kind == "header" for place in token.places) else to_bytes

    def verify(reading: Reading) -> None:
        text = read(reading)
        if not text:
            raise missing(f"{names} is absent or empty")
        if not text.startswith(prefix):
            raise malformed(f"{names} does not begin with {prefix!r}")
        given = encode(text[len(prefix) :])
        if not any(hmac.compare_digest(given, secret) for secret in secrets(reading.credentials)):
            raise mismatch(f"{names} is none of the source's current secrets")

    return verify


def verify_basic(scheme: Scheme) -> Verify:
    """Compare user and password of the Authorization header with the source's, in constant time."""

    def verify(reading: Reading) -> None:
        username, password = reading.credentials.username, reading.credentials.password
        if not username or not password:
            raise mismatch("the source has no user name and password")
        text = reading.header("authorization")
        if not text:
            raise missing("header:Authorization is absent or empty")
        word, _space, encoded = text.partition(" ")
        if word.lower() != "basic":
            raise malformed("header:Authorization does not begin with 'Basic '")
        try:
            given = binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
        except ValueError as error:
            raise malformed("header:Authorization is not base64") from error
        user, _colon, secret = given.partition(b":")
        # Both are compared always, so that time does not tell a right user name.
        same_user = hmac.compare_digest(user, to_bytes(username))
        same_secret = hmac.compare_digest(secret, to_bytes(password))
        if not (same_user and same_secret):
            raise mismatch("user name and password are not the source's")

    return verify
