"""Entries of the catalogue in words: places, schemes, evidence. For people; shared by pages, `show` and `explain`."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.providers.model import Evidence
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Check, Condition, Jwt, Signature, Timestamp
from gateway.providers.webhook.places import Place, Template

EVIDENCE = {
    "sdk": "the vendor's own SDK accepted requests signed this way, in a run of ours",
    "docs": "read in the vendor's documentation; not tried against the vendor's code",
    "source": "read in the source code of the vendor's sender",
    "secondary": "taken from other people's code or notes: confirm it with a real request before you rely on it",
    "ours": "made for this gateway; there is no vendor",
    # Of OAuth only.
    "run": "a server of this kind was asked, in a run of ours",
    "single": "taken from one library's code, and nothing else was seen: look at the vendor's page before you use it",
}
IDS = {
    "seen": "the places of event type and id were seen in a source",
    "general": "the places of event type and id are general knowledge: look at a real event before you rely on them",
}
CREDENTIALS = {
    "secret": "a shared secret",
    "public_key": "the vendor's public key",
    "username": "a user name",
    "password": "a password",
    "jwks": "the vendor's key set",
    "root_certs": "the vendor's root certificates",
}
_STEPS = {
    "base64": "base64-decoded",
    "base64url": "base64url-decoded",
    "hex": "hex-decoded",
    "nfkd": "in Unicode form NFKD",
    "sha1": "its SHA-1 digest",
    "sha256": "its SHA-256 digest",
    "utf8": "as text",
}
_FUNCTIONS = {
    "contentful": "HMAC-SHA256 over method, path, the headers that the request lists, and the body",
    "generic_hmac": "HMAC over the raw body, with the header, hash, encoding and prefix of the options",
    "paddle_classic": "RSA-SHA1 over the form fields in PHP's serialised form",
    "plivo_v3": "HMAC-SHA256 over the URL, the sorted form fields and a nonce",
    "segment_batch": "HMAC-SHA1 over the first element of the JSON array",
    "truelayer_jws": "a detached JWS (ES512) over method, path, headers and body",
}
_HASHES = {"sha1": "SHA1", "sha256": "SHA256", "sha512": "SHA512"}
_KINDS = {
    "claim": "the token's claim `{}`",
    "field": "the part `{}` of the signature header",
    "form": "the form field `{}`",
    "header": "the header `{}`",
    "json": "`{}` of the JSON body",
    "json_key": "the first key of the JSON body that is one of `{}`",
    "option": "the option `{}`",
    "query": "the query parameter `{}`",
}


def place_words(place: Place) -> str:
    """Where a value stands: `the header X-GitHub-Event`."""
    name = place.text.partition(":")[2].partition("|")[0].rstrip("?")
    if place.kind == "form_json":
        inner = f"`{'.'.join(place.path)}` of the JSON" if place.path else "the JSON"
        return f"{inner} in the form field `{place.name}`"
    if place.kind == "json" and not place.path:
        return "the JSON body itself"
    if place.kind == "segment":
        return "the last segment of the URL's path" if place.name == "-1" else f"segment {place.name} of the URL's path"
    if place.kind in _KINDS and name:
        return _KINDS[place.kind].format(name)
    return {"body": "the raw body", "content_type": "the content type", "method": "the method"}.get(
        place.kind, place.kind.replace("_", " ")
    )


def places_words(places: Sequence[Place]) -> str:
    """Alternatives, the first present of which counts."""
    return ", else ".join(place_words(place) for place in places) or "none"


def template_code(template: Template) -> str:
    """A template's notation on one line."""
    return template.text.replace("\n", "\\n")


def method_words(scheme: Scheme) -> str:
    """What is computed: `HMAC-SHA256`, `a JSON Web Token (HS256)`, …"""
    match scheme.family:
        case "hmac":
            return f"HMAC-{_HASHES[scheme.hash]}"
        case "digest":
            return f"plain {_HASHES[scheme.hash]} of a text that contains the secret"
        case "rsa":
            return f"RSA with {_HASHES[scheme.hash]}"
        case "ecdsa":
            return f"ECDSA with {_HASHES[scheme.hash]}"
        case "ed25519":
            return "Ed25519"
        case "jwt":
            return f"a JSON Web Token ({' or '.join(scheme.jwt.algorithms if scheme.jwt else ())})"
        case "token":
            return "a shared secret that stands in the request itself"
        case "basic":
            return "user name and password (HTTP Basic)"
        case "function":
            return _FUNCTIONS.get(scheme.function or "", scheme.function or "")
        case _:
            return "nothing: only the unguessable address protects the source"


def key_words(scheme: Scheme) -> str | None:
    """What it is checked with; None where nothing is."""
    key = scheme.key
    if scheme.jwt is not None and scheme.jwt.key != "secret":
        return {
            "jwks": "the vendor's key set",
            "google_certs": f"the certificates at {scheme.jwt.keys_url}, by key id",
            "x5c": "the certificate chain in the token, which must end in one of the operator's root certificates",
        }[scheme.jwt.key]
    if scheme.unsigned or scheme.family == "basic":
        return None
    if key.source == "certificate":
        place = place_words(key.url) if key.url is not None else ""
        return f"the certificate whose URL is in {place}; its host must match `{key.host}`"
    if key.source == "public_key" or scheme.requires == {"public_key"}:
        return f"the vendor's public key ({key.format or 'pem'})"
    if not key.steps:
        return "the secret as text"
    return "the secret, " + ", then ".join(_step_words(step) for step in key.steps)


def signature_words(scheme: Scheme) -> str | None:
    """Where the proof stands and how it is written; None where there is none, or a function knows."""
    if scheme.signature is not None:
        return _signature_words(scheme.signature)
    if scheme.token is not None:
        return places_words(scheme.token.places) + (f", after `{scheme.token.prefix}`" if scheme.token.prefix else "")
    if scheme.jwt is not None:
        return places_words(scheme.jwt.places) + (f", after `{scheme.jwt.prefix}`" if scheme.jwt.prefix else "")
    return "the header `Authorization`" if scheme.family == "basic" else None


def timestamp_words(timestamp: Timestamp) -> str:
    """Where the time stands, its unit, and the age that is allowed."""
    where = f"{places_words(timestamp.places)}, in {timestamp.unit}"
    if timestamp.tolerance_seconds is None:
        return f"{where}; no age limit"
    origin = {"suggested": "our suggestion", "sdk": "as the vendor's SDK has it", "docs": "as the vendor says"}
    return (
        f"{where}; at most {timestamp.tolerance_seconds:g} s old or ahead "
        f"({origin.get(timestamp.tolerance_from, 'as others have it')})"
    )


def condition_words(conditions: Sequence[Condition]) -> str:
    """When a scheme or handshake is meant."""
    return " and ".join(_condition(condition) for condition in conditions)


def check_words(check: Check) -> str:
    """What else must hold."""
    if check.equals is not None:
        wanted = f"must equal `{template_code(check.equals)}`"
    else:
        wanted = f"must match `{check.matches}`"
    limits = [(check.if_present, "when it is there"), (check.if_body, "when there is a body")]
    limits.append((bool(check.if_option), f"when the option {check.if_option} is set"))
    limit = ", ".join(text for applies, text in limits if applies)
    return f"{place_words(check.value)} {wanted}" + (f" ({limit})" if limit else "")


def token_words(jwt: Jwt) -> list[str]:
    """What the claims of a token must say."""
    found = [f"issuer {' or '.join(jwt.issuers)}"] if jwt.issuers else []
    found += [f"claims {', '.join(jwt.required)} must be there"] if jwt.required else []
    found += [f"at most {jwt.max_age_seconds:g} s old"] if jwt.max_age_seconds is not None else []
    return found + [check_words(check) for check in jwt.checks]


def evidence_words(evidence: Evidence) -> str:
    """The level with its meaning."""
    return f"{evidence.level}: {EVIDENCE[evidence.level]}"


def _signature_words(signature: Signature) -> str:
    places = [place_words(place) for place in signature.places]
    if signature.every and len(places) > 3:
        where = f"{places[0]} to {places[-1]}, each of them"
    elif signature.every:
        where = " and ".join(places) + ", each of them"
    else:
        where = ", else ".join(places)
    parts = [f"{where}: {signature.encoding}"]
    if signature.prefix:
        parts.append(f"after `{signature.prefix}`")
    if signature.take is not None:
        parts.append(f"labelled `{template_code(signature.take)}{signature.pair}`")
    elif signature.take_from:
        parts.append(f"from part {signature.take_from + 1} of a list split at `{signature.split}`")
    if signature.several:
        parts.append("several are possible and one match is enough")
    return ", ".join(parts)


def _condition(condition: Condition) -> str:
    place = place_words(condition.place)
    if condition.values:
        return f"{place} is {' or '.join(f'`{value}`' for value in condition.values)}"
    return f"{place} is there" if condition.present else f"{place} is not there"


def _step_words(step: str) -> str:
    name, _colon, text = step.partition(":")
    if name == "strip":
        return f"without `{text}` before it"
    return f"with `{text}` after it" if name == "append" else _STEPS[name]
