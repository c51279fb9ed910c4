"""Requests that are signed with a secret that does not travel: HMAC as systems write it, AWS, OAuth 1.0a."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from base64 import b64encode
from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from gateway.clients.values import Call
from gateway.clock import Clock, SystemClock, from_us

_SHA256: Final = "AWS4-HMAC-SHA256"


class _Signing:
    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def refused(self, call: Call) -> bool:
        """The next one would be signed with the same secret."""
        return False

    def secrets(self, call: Call) -> tuple[str, ...]:
        """A signature proves the secret without telling it."""
        return ()


class HmacSigning(_Signing):
    """A header with an HMAC over what `text` makes of the call and the time.

    `text` gets the call and the seconds since the epoch, which go into `timestamp_header` where there is one; `prefix`
    stands before the signature.
    """

    def __init__(
        self,
        secret: bytes,
        text: Callable[[Call, str], bytes],
        *,
        header: str,
        timestamp_header: str | None = None,
        algorithm: Literal["sha1", "sha256", "sha512"] = "sha256",
        encoding: Literal["hex", "base64"] = "hex",
        prefix: str = "",
        clock: Clock | None = None,
    ) -> None:
        if not secret:
            raise ValueError("an empty secret signs nothing")
        self._secret = secret
        self._text = text
        self._header = header
        self._timestamp_header = timestamp_header
        self._algorithm = algorithm
        self._encoding = encoding
        self._prefix = prefix
        self._clock = clock or SystemClock()

    def identity(self) -> str:
        """Its secret, and where the proof of it goes."""
        return f"{self._header} {self._secret.hex()}"

    def apply(self, call: Call) -> Call:
        """With a signature of now."""
        seconds = str(self._clock.now_us() // 1_000_000)
        digest = hmac.new(self._secret, self._text(call, seconds), self._algorithm)
        signature = digest.hexdigest() if self._encoding == "hex" else b64encode(digest.digest()).decode("ascii")
        signed = call.with_headers((self._header, f"{self._prefix}{signature}"))
        return signed.with_headers((self._timestamp_header, seconds)) if self._timestamp_header is not None else signed


class AwsSigV4(_Signing):
    """AWS Signature Version 4, in headers.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """

    def __init__(
        self,
        access_key: str,
        secret_key: str,
        *,
        region: str,
        service: str,
        session_token: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region
        self._service = service
        self._session_token = session_token
        self._clock = clock or SystemClock()

    def identity(self) -> str:
        """The access key, which is told, and no two have."""
        return f"{self._access_key} {self._region} {self._service}"

    def apply(self, call: Call) -> Call:
        """With the headers `Authorization`, `X-Amz-Date` and `X-Amz-Content-Sha256` of now."""
        now = from_us(self._clock.now_us())
        instant, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        body_hash = hashlib.sha256(call.body or b"").hexdigest()
        added = [("X-Amz-Date", instant), ("X-Amz-Content-Sha256", body_hash)]
        if self._session_token is not None:
            added.append(("X-Amz-Security-Token", self._session_token))
        call = call.with_headers(*added)
        url = urlsplit(call.full_url)
        headers = {name.lower(): " ".join(value.split()) for name, value in added} | {"host": url.netloc}
        if (content_type := call.header("Content-Type")) is not None:
            headers["content-type"] = content_type
        names = ";".join(sorted(headers))
        # Every service but S3 wants the path, which is encoded already, encoded again.
        path = url.path or "/"
        canonical = "\n".join(
            [
                call.method,
                path if self._service == "s3" else quote(path, safe="/-_.~"),
                _canonical_query(url.query),
                *(f"{name}:{headers[name]}" for name in sorted(headers)),
                "",
                names,
                body_hash,
            ]
        )
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        to_sign = "\n".join([_SHA256, instant, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self._secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        credential = f"{self._access_key}/{scope}"
        return call.with_headers(
            ("Authorization", f"{_SHA256} Credential={credential}, SignedHeaders={names}, Signature={signature}")
        )

    def secrets(self, call: Call) -> tuple[str, ...]:
        """The session's token travels."""
        return (self._session_token,) if self._session_token is not None else ()


def _canonical_query(query: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in pairs)


def mutual_tls(certificate: str, key: str | None = None, *, password: str | None = None) -> ssl.SSLContext:
    """The machine's trust, and the client certificate in these PEM files: an `ssl_context` of `ApiClient`.

    Raises `OSError` and `ssl.SSLError` for files that cannot be used.
    """
    context = ssl.create_default_context()
    context.load_cert_chain(certificate, key, password)
    return context
