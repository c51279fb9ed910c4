"""What can be seen without trying anything: a secret of the wrong kind, a body that was cut, none at all."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gateway.errors import Hint
from gateway.webhooks.explain.case import Case
from gateway.webhooks.explain.finding import Cause, Certainty, Finding
from gateway.webhooks.explain.greetings import waited_too_long
from gateway.webhooks.explain.urls import signs_url
from gateway.webhooks.verification import material_needed
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.rejection import Rejected

# What begins so is no signing secret, whoever signs.
_OTHER_KINDS = (
    (("sk_live_", "sk_test_", "rk_live_", "rk_test_"), "an API key of Stripe; the signing secret begins with whsec_"),
    (("pk_live_", "pk_test_"), "a publishable key; the signing secret begins with whsec_"),
    (("xoxb-", "xoxp-", "xoxa-", "xapp-"), "a token of Slack; the Signing Secret stands under Basic Information"),
    (
        ("ghp_", "gho_", "ghs_", "github_pat_"),
        "an access token of GitHub; the secret is the one typed in at the webhook",
    ),
    (("glpat-",), "an access token of GitLab; the secret is the one typed in at the webhook"),
    (("shpat_", "shpca_", "shppa_"), "an access token of Shopify; webhooks are signed with the app's client secret"),
    (("SG.",), "an API key of SendGrid; the event webhook has a verification key of its own"),
    (("gwk_",), "an API key of this gateway"),
    (("-----BEGIN CERTIFICATE", "-----BEGIN PUBLIC", "-----BEGIN RSA", "-----BEGIN PRIVATE"), "a key in PEM"),
    (("AC", "SK"), "an identifier of Twilio (it begins with AC or SK); the secret is the account's Auth Token"),
)


def blocking_findings(case: Case) -> Iterator[Finding]:
    """Why it cannot be judged at all, or not again."""
    if case.is_truncated:
        yield Finding(
            Cause.BODY_TRUNCATED,
            Certainty.LIKELY,
            f"Only {len(case.request.body)} of its {case.total_bytes} bytes were kept, so that its signature cannot be "
            "judged again; what is said here rests on headers alone.",
            "Catch such a request whole (for instance with a smaller event of the same sender, or at the proxy) and "
            "have that one explained.",
            hints=[case.hint("explain_request")],
        )
    requires = [scheme.requires for scheme in case.schemes()]
    lacks_all = requires and all(_lacks(case, needs) for needs in requires)
    if lacks_all and case.waited_too_long:
        yield waited_too_long(case)
    elif lacks_all:
        fewest: frozenset[str] = min(requires, key=lambda needs: len(needs))
        kinds = " and ".join(sorted(fewest)).replace("_", " ")
        pending = case.credentials.pending_handshake
        yield Finding(
            Cause.NO_CREDENTIAL,
            Certainty.LIKELY,
            f"The source holds no {kinds}, so that nothing can be verified."
            + (f" It still awaits the one that {case.provider.name} hands over." if pending else ""),
            f"Create the webhook at {case.provider.name} anew, so that it sends its handshake."
            if pending
            else "Give it one.",
            hints=() if pending else [case.hint("rotate_secret")],
        )
    needed = material_needed(case.provider, case.request, credentials=case.credentials, scheme=case.scheme)
    held = case.credentials
    if needed and not (held.certs or held.jwks or held.public_keys):
        yield Finding(
            Cause.CERTIFICATE,
            Certainty.POSSIBLE,
            "The certificate or key set that the request names could not be had here, so that its signature was not "
            "judged.",
            "See that this machine may reach the vendor's host, then try again.",
            [f"needed: {material.url}" for material in needed],
        )


def secret_findings(case: Case) -> Iterator[Finding]:
    """Secrets that look like something else."""
    for scheme in case.schemes():
        try:
            if scheme.requires & {"secret"}:
                secrets_of(scheme.key)(case.credentials)
        except Rejected as rejected:
            if case.credentials.secrets and any(case.credentials.secrets):
                yield Finding(
                    Cause.CREDENTIAL_ENCODING,
                    Certainty.LIKELY,
                    f"The secret cannot be used: {rejected.detail}.",
                    f"Copy it whole from {case.provider.name}.",
                )
                break
    for secret in case.credentials.secrets:
        text = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else secret
        for prefixes, what in _OTHER_KINDS:
            if text.startswith(prefixes) and _is_of_length(text, prefixes):
                yield Finding(
                    Cause.CREDENTIAL_KIND,
                    Certainty.LIKELY,
                    f"The secret of the source looks like {what}.",
                    "Give the source the webhook's own secret.",
                    hints=[case.hint("rotate_secret")],
                )
    yield from _mode(case)


def body_findings(case: Case) -> Iterator[Finding]:
    """Signs that something on the way changed the body."""
    announced = case.header("content-length") or ""
    length = case.total_bytes if case.total_bytes is not None else len(case.request.body)
    if announced.isdigit() and int(announced) != length:
        yield Finding(
            Cause.BODY_CHANGED,
            Certainty.LIKELY,
            f"The request announced a body of {int(announced)} bytes, and {length} came: it was changed on the way.",
            "Let nothing between the sender and the gateway touch the body.",
        )
    if case.header("content-encoding") in ("gzip", "br", "deflate") and case.request.body[:1] in (b"{", b"["):
        yield Finding(
            Cause.BODY_CHANGED,
            Certainty.LIKELY,
            f"It says that its body is compressed ({case.header('content-encoding')}), and the body is plain: "
            "something on the way unpacked it, and the sender may have signed the packed bytes.",
            "Turn off decompression of requests at the proxy.",
        )


def url_findings(case: Case) -> Iterator[Finding]:
    """Signs that the gateway does not know its public address, for providers that sign it."""
    if not any(signs_url(scheme) for scheme in case.schemes()):
        return
    if "://127.0.0.1" in case.request.url or "://localhost" in case.request.url:
        yield Finding(
            Cause.URL,
            Certainty.LIKELY,
            f"{case.provider.name} signs the URL, and the gateway believes to be at a loopback address.",
            "Set GATEWAY_BASE_URL to the address that is registered at the provider, and start the gateway anew.",
        )
    else:
        yield Finding(
            Cause.URL,
            Certainty.POSSIBLE,
            f"{case.provider.name} signs the URL as it is registered there, to the letter.",
            "Compare it with the URL of the source, and try others.",
            hints=[case.hint("show_source"), Hint("try_url")],
        )


def _mode(case: Case) -> Iterator[Finding]:
    """A live event for a test secret, or the other way round, where prefix and body both tell."""
    texts = [one if isinstance(one, str) else one.decode("utf-8", "replace") for one in case.credentials.secrets]
    live = _is_live(case.request.body)
    if live is None:
        return
    for text in texts:
        told = True if "_live_" in text[:16] else False if "_test_" in text[:16] else None
        if told is not None and told is not live:
            kind, other = ("live", "test") if live else ("test", "live")
            yield Finding(
                Cause.CREDENTIAL_KIND,
                Certainty.LIKELY,
                f"It is a {kind} event, and the secret of the source is one for {other}.",
                f"Give the source the secret of the {kind} endpoint, or add a source for it.",
            )


def _is_live(body: bytes) -> bool | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for name in ("livemode", "live_mode", "live"):
        if isinstance(document.get(name), bool):
            return bool(document[name])
    return {"live": True, "production": True, "test": False, "sandbox": False}.get(str(document.get("mode")))


def _lacks(case: Case, needs: frozenset[str]) -> bool:
    held = case.credentials
    have = {
        "secret": any(held.secrets),
        "public_key": bool(held.public_keys),
        "username": bool(held.username),
        "password": bool(held.password),
        "jwks": held.jwks is not None,
        "root_certs": bool(held.root_certs),
    }
    return any(not have[kind] for kind in needs)


def _is_of_length(text: str, prefixes: tuple[str, ...]) -> bool:
    # Two letters prove little: Twilio's identifiers have 34 characters, hex after those.
    return len(prefixes[0]) > 2 or (len(text) == 34 and all(letter in "0123456789abcdef" for letter in text[2:]))
