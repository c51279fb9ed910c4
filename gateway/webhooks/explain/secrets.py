"""Mistakes with secrets: an ended one, another source's, one written with a newline or quotes, decoded wrongly.

What is tried is never told; sentences name slugs, dates and kinds.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import unquote

from gateway.errors import Hint
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause
from gateway.webhooks.explain.trial import Trial
from gateway.webhooks.verification import Credentials
from gateway.webhooks.verification.keys import decode_base64, decode_base64url, secrets_of
from gateway.webhooks.verification.rejection import Rejected

COPY_AGAIN = "Copy the secret from {name} once more, without blanks and quotes."

# What may stand around a secret that a person copied, and how to say it.
_WRAPPINGS = (
    ("{}\n", "a newline at its end"),
    ("{}\r\n", "a carriage return and newline at its end"),
    ("{} ", "a blank at its end"),
    (" {}", "a blank before it"),
    ('"{}"', "double quotes around it"),
    ("'{}'", "single quotes around it"),
    ('"{}"\n', "double quotes around it and a newline at its end"),
    ("\ufeff{}", "a byte order mark before it"),
)


def secret_trials(case: Case) -> Iterator[Trial]:
    """Every known mistake with what the source holds."""
    yield from _ended(case)
    yield from _of_other_sources(case)
    yield from _written(case)
    yield from _decoded(case)


def _ended(case: Case) -> Iterator[Trial]:
    for old in case.ended:
        yield Trial(
            case.with_credential(old.kind, old.value),
            Cause.CREDENTIAL_ENDED,
            f"It was signed with a {_words(old.kind)} of this source that ended {old.ended}.",
            f"{case.provider.name} still uses the old one: enter the new one there, or let the old one live longer "
            "the next time.",
            hints=[case.hint("rotate_with_overlap")],
        )


def _of_other_sources(case: Case) -> Iterator[Trial]:
    for other in case.others:
        if not _holds_anything(other.credentials):
            continue
        if other.provider is not None and other.provider.id != case.provider.id:
            yield Trial(
                replace(case, provider=other.provider, scheme=other.scheme, credentials=other.credentials),
                Cause.OTHER_SOURCE,
                f"It belongs to the source {other.slug} ({other.provider.name}), and was sent to {_slug(case)}.",
                f"Register the URL of {other.slug} at {other.provider.name}.",
                hints=[Hint("show_source", {"slug": other.slug})],
            )
        taken = replace(other.credentials, options=case.credentials.options, certs=case.credentials.certs)
        yield Trial(
            replace(case, credentials=taken),
            Cause.OTHER_SOURCE,
            f"It was signed with what the source {other.slug} holds.",
            f"Either {case.provider.name} has the secret of {other.slug} for this URL, or the URLs of the two sources "
            "are mixed up there. Every endpoint has a secret of its own: give each source the one of its URL.",
        )


def _written(case: Case) -> Iterator[Trial]:
    remedy = COPY_AGAIN.format(name=case.provider.name)
    to_store = [case.hint("rotate_secret")]
    for secret in case.credentials.secrets:
        text = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else secret
        for bare, what in _unwrapped(text):
            sentence = f"The secret here has {what} that {case.provider.name}'s has not."
            yield Trial(case.with_secrets([bare]), Cause.CREDENTIAL_WRITTEN, sentence, remedy, hints=to_store)
        for wrapping, what in _WRAPPINGS:
            yield Trial(
                case.with_secrets([wrapping.format(text)]),
                Cause.CREDENTIAL_WRITTEN,
                f"The sender uses the secret with {what}, which the one here has not.",
                f"Enter the secret anew at {case.provider.name}, without anything around it; in a script of yours, "
                "strip what you read from a file or variable.",
            )
        for changed, what in ((text.upper(), "upper case"), (text.lower(), "lower case")):
            if changed != text:
                sentence = f"The sender uses the secret in {what}; here it is written otherwise."
                trial = case.with_secrets([changed])
                yield Trial(trial, Cause.CREDENTIAL_WRITTEN, sentence, remedy, hints=to_store)
    yield from _written_passwords(case, remedy, to_store)


def _written_passwords(case: Case, remedy: str, to_store: Sequence[Hint]) -> Iterator[Trial]:
    username, password = case.credentials.username, case.credentials.password
    if username is None or password is None:
        return
    for user in dict.fromkeys((username, username.strip(), username.strip("\"' \r\n"))):
        for word in dict.fromkeys((password, password.strip(), password.strip("\"' \r\n"), f"{password}\n")):
            if (user, word) != (username, password):
                changed = replace(case.credentials, username=user, password=word)
                sentence = "User name or password differ only in blanks, quotes or a newline."
                trial = replace(case, credentials=changed)
                yield Trial(trial, Cause.CREDENTIAL_WRITTEN, sentence, remedy, hints=to_store)


def _unwrapped(text: str) -> Iterator[tuple[str, str]]:
    """What would be left of the secret without what a person may have copied with it."""
    bare = text.strip()
    if bare != text:
        ending = "newline" if text.endswith(("\n", "\r")) else "blank"
        yield bare, f"a {ending} at its end or blanks around it"
    inner = bare.strip("\"'`")
    if inner != bare:
        yield inner, "quotes around it"
    if bare.startswith("\ufeff"):
        yield bare.removeprefix("\ufeff"), "a byte order mark before it"
    name, equals, value = bare.partition("=")
    if equals and name.isidentifier() and value:
        yield value.strip("\"'"), "the name of a variable before it"
    word, space, value = bare.partition(" ")
    if space and word.lower() in {"bearer", "basic", "token"}:
        yield value.strip(), f"the word {word} before it"
    if "%" in bare and unquote(bare) != bare:
        yield unquote(bare), "percent-encoded characters"


def _decoded(case: Case) -> Iterator[Trial]:
    """The same secret made into key bytes in other ways than the scheme does."""
    for scheme in case.schemes():
        steps = scheme.key.steps
        try:
            right = secrets_of(scheme.key)(case.credentials)
        except Rejected:
            right = []
        for secret in case.credentials.secrets:
            raw = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
            for key, how in _key_spellings(raw.strip()):
                written = _written_for(steps, key)
                if key in right or not key or written is None:
                    continue
                yield Trial(
                    case.with_secrets([written]),
                    Cause.CREDENTIAL_ENCODING,
                    f"The sender used the secret {how}; {case.provider.name} uses it {_steps_words(steps)}.",
                    "If the sender is a program of yours, make the key as the provider does. If it really is "
                    f"{case.provider.name}, the source may be set to the wrong provider or scheme.",
                )


def _key_spellings(raw: bytes) -> Iterator[tuple[bytes, str]]:
    """Key bytes that someone may make of a secret, and how."""
    bare = raw.partition(b"_")[2] if raw.startswith((b"whsec_", b"whsk_", b"sec_")) else raw
    yield raw, "as plain text, not decoded"
    if bare != raw:
        yield bare, "as plain text without its prefix, not decoded"
    for name, decode in (("base64", decode_base64), ("base64url", decode_base64url), ("hex", binascii.unhexlify)):
        try:
            once = decode(bare)
        except ValueError:
            continue
        yield once, f"{name}-decoded"
        for again, decode_again in (("base64", decode_base64), ("hex", binascii.unhexlify)):
            try:
                yield decode_again(once), f"decoded twice ({name}, then {again})"
            except ValueError:
                continue
    yield base64.b64encode(bare), "encoded in base64 once more"
    yield bare.hex().encode(), "encoded in hex once more"


def _written_for(steps: tuple[str, ...], key: bytes) -> bytes | None:
    """The secret of which the scheme's own steps make `key`; None when there is no way back."""
    last = steps[-1] if steps else "utf8"
    match last:
        case "utf8" | "nfkd":
            return key
        case "base64" | "base64url":
            return (base64.b64encode if last == "base64" else base64.urlsafe_b64encode)(key)
        case "hex":
            return key.hex().encode()
        case _:
            return None


def _steps_words(steps: tuple[str, ...]) -> str:
    words = {"base64": "base64-decoded", "base64url": "base64url-decoded", "hex": "hex-decoded", "sha1": "hashed"}
    words |= {"sha256": "hashed", "nfkd": "as plain text", "utf8": "as plain text"}
    return words[steps[-1]] if steps else "as plain text"


def _holds_anything(credentials: Credentials) -> bool:
    return bool(credentials.secrets or credentials.public_keys or credentials.username or credentials.root_certs)


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _slug(case: Case) -> str:
    return case.source or "another one"
