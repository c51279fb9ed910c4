"""One request while it is judged: its raw parts, and the parsed ones from the moment somebody asks for them.

A value that must be single and is not raises `Rejected` while `strict` is set, that is until the request has
proved authentic; afterwards the first one counts, because authentic data is never refused for its shape.

Nothing is inflated before that, and to recognise a handshake only a small body is parsed at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from gateway.webhooks.verification import jsontext
from gateway.webhooks.verification.compression import inflated
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.forms import URLENCODED, Fields, media_type_of, parse_form, parse_query
from gateway.webhooks.verification.rejection import malformed
from gateway.webhooks.verification.request import InboundRequest

# A challenge is a token and a few fields. Whoever sends it is not known, and must not choose how much is parsed.
MAX_GREETING_BYTES = 64 * 1024

_NO_URL = urlsplit("")


class Reading:
    """`secret` is the key material being tried, `stamp` and `message_id` the signed texts as received, `fields` the
    other parts of the signature header, `claims` those of a verified token, `item` the batch element in turn.
    `greeting` is set while unsigned handshakes are looked for.
    """

    __slots__ = (
        "_ambiguous",
        "_document",
        "_form",
        "_headers",
        "_query",
        "_repeated",
        "_split",
        "body",
        "claims",
        "credentials",
        "fields",
        "greeting",
        "item",
        "message_id",
        "now",
        "request",
        "secret",
        "stamp",
        "strict",
        "url",
    )

    def __init__(self, request: InboundRequest, credentials: Credentials, now: float) -> None:
        self.request = request
        self.credentials = credentials
        self.now = now
        self.body = request.body
        self.url = request.url
        self.strict = True
        self.greeting = False
        self.secret = b""
        self.stamp: str | None = None
        self.message_id: str | None = None
        self.fields: Fields = {}
        self.claims: dict[str, object] = {}
        self.item: object = jsontext.ABSENT
        self._headers: dict[str, str] | None = None
        self._repeated: frozenset[str] | None = None
        self._document: object = None
        self._ambiguous: bool | None = None
        self._form: Fields | None = None
        self._query: Fields | None = None
        self._split: SplitResult | None = None

    def greet(self) -> None:
        """From here on unsigned handshakes are looked for."""
        self.strict, self.greeting = False, True

    def verify(self) -> None:
        """From here on a proof is demanded. What was left unread for want of one may be read again after it."""
        self.strict, self.greeting = True, False
        if self._document is jsontext.ABSENT:
            self._document = None

    def drop_body(self) -> None:
        """From here on there is no body: the one that came is not covered by the proof."""
        self.body, self._document, self._form = b"", None, None

    def header(self, name: str) -> str | None:
        """The value of a header, by its lower-case name."""
        headers = self._headers
        if headers is None:
            headers = self._read_headers()
        if self._repeated is not None and self.strict and name in self._repeated:
            raise malformed(f"the header {name} is there more than once")
        return headers.get(name)

    def query(self, name: str) -> str | None:
        """A parameter of the public URL."""
        if self._query is None:
            self._query = parse_query(self.split().query)
        return self._single(self._readable(self._query, "query").get(name), "query parameter", name)

    def field(self, name: str) -> str | None:
        """Another part of the signature header, as `t` in `t=1,v1=abc`."""
        return self._single(self.fields.get(name), "part of the signature", name)

    def form(self, name: str) -> str | None:
        """A field of a form body."""
        return self._single(self.form_fields().get(name), "form field", name)

    def form_fields(self) -> Fields:
        """All fields of a form body."""
        if self.greeting and len(self.body) > MAX_GREETING_BYTES:
            return {}
        if self._form is None:
            self._form = parse_form(self.header("content-type") or "", self.body)
        return self._readable(self._form, "form")

    def signed_fields(self) -> Fields:
        """All fields of a form body whose signature covers the fields and not the bytes.

        Raises Rejected for a body that is something else: it would be accepted without being covered.
        """
        if self.body and media_type_of(self.header("content-type") or "") != URLENCODED:
            raise malformed("the body is not an URL-encoded form, so that the signature does not cover it")
        return self.form_fields()

    def json(self, path: Sequence[str]) -> object:
        """The value at a path of the JSON body, or of the batch element in turn."""
        if self.item is not jsontext.ABSENT:
            return jsontext.walk(self.item, path)
        return jsontext.walk(self.document(), path)

    def document(self) -> object:
        """The JSON body, or ABSENT when it is none."""
        if self._document is None or (self.strict and self._ambiguous is None):
            self._read_document()
        if self.strict and self._ambiguous:
            raise malformed("the JSON body names a key twice, so that what is signed is ambiguous")
        return self._document

    def split(self) -> SplitResult:
        """The public URL's parts."""
        if self._split is None:
            try:
                self._split = urlsplit(self.url)
            except ValueError:
                self._split = _NO_URL
        return self._split

    def _readable(self, fields: Fields | None, kind: str) -> Fields:
        if fields is None and self.strict:
            raise malformed(f"the {kind} cannot be read, or has too many fields")
        return fields or {}

    def _single(self, values: list[str] | None, kind: str, name: str) -> str | None:
        if not values:
            return None
        if len(values) > 1 and self.strict:
            raise malformed(f"the {kind} {name} is there more than once")
        return values[0]

    def _read_headers(self) -> dict[str, str]:
        received = self.request.headers
        headers = {name.lower(): value for name, value in received}
        if len(headers) != len(received):
            counts = Counter(name.lower() for name, _value in received)
            self._repeated = frozenset(name for name, count in counts.items() if count > 1)
            headers = {name.lower(): value for name, value in reversed(received)}
        self._headers = headers
        return headers

    def _read_document(self) -> None:
        if self.greeting:
            is_small = len(self.body) <= MAX_GREETING_BYTES
            self._document = jsontext.parse(self.body) if is_small else jsontext.ABSENT
            return
        if not self.strict:
            # Some vendors compress: what is signed is the entry's matter, what is inside may be read now.
            self._document = jsontext.parse(inflated(self.body) or b"")
            return
        try:
            self._document = jsontext.parse_unambiguous(self.body)
            self._ambiguous = False
        except jsontext.DuplicateKeyError:
            self._document = jsontext.parse(self.body)
            self._ambiguous = True
