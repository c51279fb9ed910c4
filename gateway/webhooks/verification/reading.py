"""One request while it is judged: its raw parts, and the parsed ones from the moment somebody asks for them.

A value that must be single and is not raises `Rejected` while `strict` is set, that is until the request has
proved authentic; afterwards the first one counts, because authentic data is never refused for its shape.

Nothing is inflated before that, and little is parsed: to recognise a handshake a small body, for a signature that lies
in the body what `MAX_UNVERIFIED_BYTES` and `MAX_UNVERIFIED_VALUES` allow. Nothing is parsed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from gateway.content import jsontext
from gateway.content.compression import inflated
from gateway.content.forms import MULTIPART, URLENCODED, Fields, media_type_of, parse_form, parse_query
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.rejection import malformed, too_large
from gateway.webhooks.verification.request import InboundRequest

# A challenge is a token and a few fields. Whoever sends it is not known, and must not choose how much is parsed.
MAX_GREETING_BYTES = 64 * 1024
# The same for a body that its signature lies in or covers by parts. Entries name the vendors that send more.
MAX_UNVERIFIED_BYTES = 1024 * 1024
MAX_UNVERIFIED_VALUES = 50_000

_NO_URL = urlsplit("")
_AS_USUAL: Mapping[str, int] = MappingProxyType({})
_FORM_KINDS = {URLENCODED: "form", MULTIPART: "multipart"}


class Reading:
    """`secret` is the key material being tried, `stamp` and `message_id` the signed texts as received, `fields` the
    other parts of the signature header, `claims` those of a verified token, `item` the batch element in turn.
    `first` is the first element of a batch of which no more is covered and wanted, `leaves_out` whether others follow.
    `signed` has the texts whose signatures fitted. `greeting` is set while unsigned handshakes are looked for.
    `unverified_bytes` are those of the provider's entry.
    """

    __slots__ = (
        "_ambiguous",
        "_document",
        "_form",
        "_form_documents",
        "_headers",
        "_is_form_read",
        "_is_proven",
        "_query",
        "_refused",
        "_repeated",
        "_split",
        "body",
        "claims",
        "credentials",
        "fields",
        "first",
        "greeting",
        "item",
        "leaves_out",
        "message_id",
        "now",
        "request",
        "secret",
        "signed",
        "stamp",
        "strict",
        "unverified_bytes",
        "url",
    )

    def __init__(
        self,
        request: InboundRequest,
        credentials: Credentials,
        now: float,
        unverified_bytes: Mapping[str, int] = _AS_USUAL,
    ) -> None:
        self.request = request
        self.credentials = credentials
        self.now = now
        self.body = request.body
        self.url = request.url
        self.strict = True
        self.greeting = False
        self.unverified_bytes = unverified_bytes
        self.secret = b""
        self.signed: tuple[bytes, ...] = ()
        self.stamp: str | None = None
        self.message_id: str | None = None
        self.fields: Fields = {}
        self.first: jsontext.Element | None = None
        self.leaves_out = False
        self.claims: dict[str, object] = {}
        self.item: object = jsontext.ABSENT
        self._headers: dict[str, str] | None = None
        self._repeated: frozenset[str] | None = None
        self._document: object = None
        self._ambiguous = False
        self._is_form_read = False
        self._is_proven = False
        self._refused: str | None = None
        self._form: Fields | None = None
        self._form_documents: dict[str, jsontext.Parsed] | None = None
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

    def prove(self) -> None:
        """From here on the signature is known to fit. How much is parsed is no stranger's choice any more."""
        self._is_proven = True

    def accept(self) -> None:
        """From here on the request is authentic."""
        self.strict, self._is_proven = False, True

    def drop_body(self) -> None:
        """From here on there is no body: the one that came is not covered by the proof."""
        self.body, self._document, self._form, self._is_form_read = b"", None, None, False

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
        if not self._is_form_read:
            content_type = self.header("content-type") or ""
            kind = _FORM_KINDS.get(media_type_of(content_type))
            if kind is not None:
                self.check_size(kind)
            self._form, self._is_form_read = parse_form(content_type, self.body), True
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
        if self._document is None:
            self._read_document()
        if self._ambiguous and self.strict:
            raise malformed("the JSON body names a key twice, so that what is signed is ambiguous")
        return self._document

    def form_document(self, field: str) -> object:
        """The JSON in a form field, or ABSENT when it is none."""
        if self._form_documents is None:
            self._form_documents = {}
        parsed = self._form_documents.get(field)
        if parsed is None:
            text = self.form(field)
            if text is None:
                return jsontext.ABSENT
            self._check_values(text)
            parsed = self._form_documents[field] = jsontext.parse_signed(text)
        if parsed.is_ambiguous and self.strict:
            raise malformed(f"the JSON in the form field {field} names a key twice")
        return parsed.document

    def check_size(self, kind: str) -> None:
        """Raises Rejected when a body of this kind is more than may be parsed now."""
        if not self._is_proven:
            most = self.unverified_bytes.get(kind, MAX_UNVERIFIED_BYTES)
            if len(self.body) > most:
                raise too_large(
                    f"the body is larger than {most} bytes, which is all that is read to find its signature"
                )

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
        headers = dict(received)
        # An event loop's server writes all of them so; seen at once it costs a third.
        if not "".join(headers).islower():
            headers = {name.lower(): value for name, value in received}
        if len(headers) != len(received):
            counts = Counter(name.lower() for name, _value in received)
            self._repeated = frozenset(name for name, count in counts.items() if count > 1)
            headers = {name.lower(): value for name, value in reversed(received)}
        self._headers = headers
        return headers

    def _read_document(self) -> None:
        body = self.body
        if self.greeting and len(body) > MAX_GREETING_BYTES:
            self._document = jsontext.ABSENT
            return
        if not self.strict and not self.greeting:
            # Some vendors compress: what is signed is the entry's matter, what is inside may be read now.
            plain = inflated(body) or b""
            too_many = jsontext.has_too_many_values(plain, jsontext.MAX_VALUES)
            self._document = jsontext.ABSENT if too_many else jsontext.parse(plain)
            return
        self.check_size("json")
        self._check_values(body)
        self._document, self._ambiguous = jsontext.parse_signed(body)

    def _check_values(self, text: str | bytes) -> None:
        most = jsontext.MAX_VALUES if self._is_proven else MAX_UNVERIFIED_VALUES
        # Counting is cheap, not free: several schemes may look.
        if self._refused is None and jsontext.has_too_many_values(text, most):
            self._refused = f"the body has more than {most} values, which is all that are read to find its signature"
        if self._refused is not None:
            raise too_large(self._refused)
