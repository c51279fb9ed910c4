"""Mistakes with headers: renamed, repeated or rewritten on the way, or signed and written in another form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from gateway.errors import Hint
from gateway.providers import Scheme
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.explain.reads import all_headers, needed_headers, proof_headers, vendor_headers
from gateway.webhooks.explain.trial import Trial

MAX_HEADERS = 64
RENAMED = "Let the proxy pass the header under its own name. nginx drops names with an underscore, and renames nothing."
REPEATED = "Look for a proxy or load balancer that adds the header a second time, and let it pass what came."
WRITTEN = (
    "Let nothing rewrite the header; if the sender is a program of yours, write the signature as the provider does."
)

Headers = Sequence[tuple[str, str]]


def header_trials(case: Case) -> Iterator[Trial]:
    """The request with headers as they may have been sent."""
    for scheme in case.schemes():
        for name in all_headers(scheme):
            yield from _repeated(case, name)
            yield from _renamed(case, name)
        for name in proof_headers(scheme):
            yield from _rewritten(case, scheme, name)


def header_findings(case: Case) -> Iterator[Finding]:
    """What the names of the headers that came tell, when something that is needed is not among them."""
    came = {name.lower() for name, _value in case.request.headers}
    wanted = [needed_headers(scheme) for scheme in case.schemes()]
    if not wanted or not all(wanted) or any(all(name.lower() in came for name in names) for names in wanted):
        return
    absent = min(([name for name in names if name.lower() not in came] for names in wanted), key=len)
    missing = " and ".join(absent)
    familiar = sorted(name for name, _value in case.request.headers if name.lower() in vendor_headers(case.provider))
    if familiar:
        yield Finding(
            Cause.HEADER_MISSING,
            Certainty.LIKELY,
            f"{missing} did not arrive, though other headers of {case.provider.name} did ({', '.join(familiar[:4])}).",
            f"Either no secret is set at {case.provider.name}, so that it does not sign, or a proxy takes the header "
            "out: set the secret there first; then compare what the proxy gets with what it passes on.",
        )
        return
    agent = case.header("user-agent")
    yield Finding(
        Cause.HEADER_MISSING,
        Certainty.LIKELY,
        f"{missing} did not arrive, nor any other header of {case.provider.name}: it is probably not "
        f"{case.provider.name} that called" + (f' (the caller says it is "{agent[:60]}").' if agent else "."),
        "If it was a test of yours, sign it. If it was a person, a scanner or a health check, nothing is wrong. If it "
        "really was the provider, a proxy takes its headers out.",
        hints=[Hint("send_sample", {"provider": case.provider.id})],
    )


def _repeated(case: Case, name: str) -> Iterator[Trial]:
    values = [value for key, value in case.request.headers if key.lower() == name.lower()]
    joined = [part.strip() for value in values for part in value.split(",")] if len(values) == 1 else []
    several = values if len(values) > 1 else joined if len(joined) > 1 else []
    for value in dict.fromkeys(several):
        how = "once" if set(several) == {value} else "with one of its values"
        yield Trial(
            case.with_request(headers=_with(case.request.headers, name, value)),
            Cause.HEADER_CHANGED,
            f"The header {name} came {len(several)} times; {how} the signature fits.",
            REPEATED,
        )


def _renamed(case: Case, name: str) -> Iterator[Trial]:
    if case.header(name):
        return
    for other, value in case.request.headers[:MAX_HEADERS]:
        yield Trial(
            case.with_request(headers=_with(case.request.headers, name, value)),
            Cause.HEADER_CHANGED,
            f"The value of {name} came under another name: {other}.",
            RENAMED,
        )


def _rewritten(case: Case, scheme: Scheme, name: str) -> Iterator[Trial]:
    value = case.header(name)
    if not value:
        return
    for changed, how in _rewritings(value, _prefix(scheme)):
        if changed != value:
            yield Trial(
                case.with_request(headers=_with(case.request.headers, name, changed)),
                Cause.HEADER_CHANGED,
                f"The header {name} is not written as {case.provider.name} writes it: {how}.",
                WRITTEN,
            )


def _rewritings(value: str, prefix: str) -> Iterator[tuple[str, str]]:
    bare = value.strip().strip("\"'")
    yield bare, "there are blanks or quotes around it"
    yield unquote(bare), "it is percent-encoded"
    yield prefix + bare, f"{prefix!r} before it is missing"
    for separator in ("=", " ", ","):
        before, found, rest = bare.partition(separator)
        if found and len(before) <= 10 and rest:
            yield (
                prefix + rest,
                f"it begins with {before + separator!r}" + (f" instead of {prefix!r}" if prefix else ""),
            )
            yield from _recoded(rest, prefix)
    yield from _recoded(bare.removeprefix(prefix), prefix)


def _recoded(text: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The same bytes in the other encodings."""
    try:
        raw = binascii.unhexlify(text)
        yield prefix + base64.b64encode(raw).decode(), "it is hex instead of base64"
    except ValueError:
        pass
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
        yield prefix + raw.hex(), "it is base64 instead of hex"
        yield prefix + base64.b64encode(raw).decode(), "it is base64url, or without padding"
    except ValueError:
        pass


def _prefix(scheme: Scheme) -> str:
    part = scheme.signature or scheme.token or scheme.jwt
    return part.prefix if part is not None else ""


def _with(headers: Headers, name: str, value: str) -> Headers:
    return [*((key, one) for key, one in headers if key.lower() != name.lower()), (name, value)]
