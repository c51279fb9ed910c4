"""A whole entry in words, section by section: what whoever sets up a source, and the pages of docs/providers, are told.

Pure. How a single scheme, place or check is put into words is in `words`; how sections are laid out, and how an action
is carried out there, is up to whoever shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.errors import Hint
from gateway.providers.model import Provider
from gateway.providers.prose import words
from gateway.providers.prose.calls import call_lines
from gateway.providers.prose.connecting import connecting_lines, sources_lines
from gateway.providers.prose.reach import reach_words
from gateway.providers.ways import trial
from gateway.providers.webhook.model import AnswerRule, HandshakeRule, Scheme
from gateway.providers.webhook.places import Template

Say = Callable[[Hint], str]
"""How a surface tells about an action: what is put into the sentence at that place, with the blank or comma that it
begins with; empty for nothing. Code is between backticks.
"""


def say_nothing(_hint: Hint) -> str:
    """For surfaces that show an action otherwise."""
    return ""


@dataclass(frozen=True, slots=True)
class Section:
    """A title and its lines; each stands by itself. Code is between backticks."""

    title: str
    lines: Sequence[str]


def describe(provider: Provider, say: Say = say_nothing) -> list[Section]:
    """The sections of an entry, those without lines left out."""
    oauth = provider.oauth
    sections = [
        *(_webhook_sections(provider, say) if provider.sends_webhooks else (Section("Set up", provider.setup),)),
        Section("Good to know", tuple(provider.quirks)),
        Section("Connecting accounts", tuple(connecting_lines(provider, oauth, say)) if oauth is not None else ()),
        Section(
            "Calling its API", tuple(call_lines(provider.api, trial(provider))) if provider.api is not None else ()
        ),
        Section("Evidence", tuple(_evidence(provider))),
    ]
    return [section for section in sections if section.lines]


def _webhook_sections(provider: Provider, say: Say) -> Iterator[Section]:
    yield Section("Set up", tuple(_setup(provider, say)))
    yield from (_scheme_section(provider, scheme, say) for scheme in provider.webhook.schemes)
    yield Section("Events", tuple(_events(provider)))
    yield Section("Handshakes", tuple(_handshakes(provider, say)))
    yield Section("Answers and retries", tuple(_delivery(provider)))


def adding(provider: Provider) -> Hint:
    """How a source of this provider, which sends webhooks, is added: with which scheme, credentials and options."""
    webhook = provider.webhook
    scheme = webhook.schemes[0]
    chosen = {"scheme": scheme.id} if webhook.choose == "operator" and len(webhook.schemes) > 1 else {}
    return Hint(
        "add_source",
        {
            "slug": "-" if scheme.needs_secret_address or hands_over_secret(provider) else provider.id,
            "provider": provider.id,
            **chosen,
            "credentials": [] if hands_over_secret(provider) else sorted(scheme.requires),
            "options": sorted(scheme.options | webhook.handshake_options),
        },
    )


def hands_over_secret(provider: Provider) -> bool:
    """Whether the vendor brings the secret itself, in a handshake."""
    return any(handshake.store_secret is not None for handshake in provider.webhook.handshakes)


def _setup(provider: Provider, say: Say) -> Iterator[str]:
    yield f"Add the source{say(adding(provider))}"
    if provider.setup:
        yield from provider.setup
    else:
        url = say(Hint("show_source"))
        yield f"At {provider.name}, enter the source's URL{url} where webhooks are set up."
        yield from _credential_steps(provider, say)
        yield "Choose the events there; what the gateway shall do with each is a route's matter."
        if any(not handshake.store_secret for handshake in provider.webhook.handshakes):
            yield f"{provider.name} checks the URL when it is entered: the source must be there before."
    for name, option in provider.options.items():
        choices = f" One of {', '.join(option.choices)}." if option.choices else ""
        default = f" Default: {option.default!r}." if option.default else ""
        yield f"Option `{name}`: {option.about}{choices}{default}"


def _credential_steps(provider: Provider, say: Say) -> Iterator[str]:
    schemes = provider.webhook.schemes
    needs = frozenset[str]().union(*(scheme.requires for scheme in schemes))
    if hands_over_secret(provider):
        yield f"{provider.name} hands over the secret itself, in a handshake: leave it out when you add the source."
    elif "secret" in needs and any(scheme.family == "token" for scheme in schemes):
        yield f"Secret: a long random value, the same at both ends{say(Hint('generate_secret'))}."
    elif "secret" in needs:
        yield f"Secret: the signing secret that {provider.name} shows or lets you choose, the same as the source's."
    if "public_key" in needs and "secret" not in needs:
        to_give = say(Hint("give_credential", {"kind": "public_key"}))
        yield f"Public key: the one that {provider.name} shows for its webhooks{to_give}."
    if "username" in needs:
        yield "User name and password: of your choice, the same at both ends."
    if "root_certs" in needs:
        to_give = say(Hint("give_credential", {"kind": "root_certs"}))
        yield f"Root certificate: the one that {provider.name} publishes{to_give}."
    if any(scheme.fetches for scheme in schemes):
        yield "No secret: the gateway fetches the vendor's certificate or keys, from the vendor's own hosts only."


def _scheme_section(provider: Provider, scheme: Scheme, say: Say) -> Section:
    several = len(provider.webhook.schemes) > 1
    return Section(
        f"What is verified: {scheme.id}" if several else "What is verified", tuple(_scheme(provider, scheme, say))
    )


def _scheme(provider: Provider, scheme: Scheme, say: Say) -> Iterator[str]:
    method = words.method_words(scheme)
    yield f"Method: {method}."
    if scheme.when:
        yield f"Meant for requests where {words.condition_words(scheme.when)}."
    elif provider.webhook.choose == "operator" and len(provider.webhook.schemes) > 1:
        first = scheme is provider.webhook.schemes[0]
        how = say(Hint("choose_scheme", {"scheme": scheme.id}))
        yield f"You choose it{how}" + ("; it is the default." if first else ".")
    for label, text in (("Stands in", words.signature_words(scheme)), ("Checked with", words.key_words(scheme))):
        if text is not None:
            yield f"{label}: {text}."
    if scheme.signs:
        texts = " or ".join(f"`{words.template_code(template)}`" for template in scheme.signs)
        yield f"What is signed: {texts}."
    yield from _whose(provider, scheme)
    if scheme.any_port:
        yield "The URL counts with and without its port."
    if scheme.bodiless:
        yield "A body is not part of such a request: one that comes along is not signed, and is dropped."
    if scheme.message_id:
        yield f"Message id: {words.places_words(scheme.message_id)}."
    if scheme.timestamp is not None:
        yield f"Time: {words.timestamp_words(scheme.timestamp)}."
    if scheme.each is not None:
        yield f"Every element of `{'.'.join(scheme.each.items) or 'the array'}` is verified by itself."
    for text in words.token_words(scheme.jwt) if scheme.jwt is not None else ():
        yield f"Token: {text}."
    for check in scheme.checks:
        yield f"Also: {words.check_words(check)}."
    yield from reach_words(provider, scheme)


def _whose(provider: Provider, scheme: Scheme) -> Iterator[str]:
    """What tells the operator's requests from those of the vendor's other customers, where the proof does not."""
    if scheme.binding:
        names = " and ".join(f"`{name}`" for name in sorted(scheme.binding))
        yield (
            f"Whose it is: {provider.name} signs for all of its customers alike. The option {names} tells your "
            "requests from theirs, and a source needs it."
        )
    elif scheme.bound_by_address:
        yield (
            f"Whose it is: {provider.name} signs for all of its customers alike, and nothing that is signed names you. "
            "Only the source's address keeps the others' requests out: it must be unguessable, and stay unknown."
        )


def _events(provider: Provider) -> Iterator[str]:
    webhook = provider.webhook
    yield f"Event type: {words.places_words(webhook.event_type)}."
    if webhook.batch is not None and webhook.batch.id is not None:
        yield "Dedupe key: each event's own id in the batch. An event that comes twice is delivered once."
    elif webhook.event_id:
        yield f"Dedupe key: {words.places_words(webhook.event_id)}. An event that comes twice is delivered once."
    else:
        yield "Dedupe key: none; two equal events are two events."
    if webhook.batch is not None:
        batch = webhook.batch
        parts = [("type", batch.type), ("id", batch.id)]
        own = " and ".join(f"its {name} at `{'.'.join(path)}`" for name, path in parts if path is not None)
        yield f"One request may carry many events: the elements of {words.place_words(batch.items)}" + (
            f", each with {own}." if own else "."
        )


def _handshakes(provider: Provider, say: Say) -> Iterator[str]:
    for handshake in provider.webhook.handshakes:
        yield " ".join(_handshake(handshake, say))


def _handshake(handshake: HandshakeRule, say: Say) -> Iterator[str]:
    proof = "verified first" if handshake.signed else "not signed"
    yield f"`{handshake.id}` ({proof}): when {words.condition_words(handshake.when)}, the gateway answers"
    yield f"{_answer(handshake.answer)}."
    for check in handshake.checks:
        yield f"Here {words.check_words(check)}."
    if handshake.store_secret is not None:
        yield (
            f"It takes the secret from {words.place_words(handshake.store_secret)}, once, while the source awaits it, "
            f"and stores it encrypted{say(Hint('show_handshake'))}."
        )
    if handshake.fetch is not None:
        yield (
            f"It then fetches the URL in {words.place_words(handshake.fetch.url)}, whose host must match "
            f"`{handshake.fetch.host}`."
        )


def _answer(answer: AnswerRule) -> str:
    parts = [str(answer.status)]
    if answer.body is not None:
        parts.append(f"with `{words.template_code(answer.body)}`")
    if answer.json is not None:
        members = ", ".join(f"{name}: {_value(value)}" for name, value in answer.json.items())
        parts.append(f"with the JSON `{members}`")
    if answer.headers:
        parts.append(f"and the header {', '.join(answer.headers)}")
    return " ".join(parts)


def _value(value: Template | int | bool) -> str:
    return words.template_code(value) if isinstance(value, Template) else str(value).lower()


def _delivery(provider: Provider) -> Iterator[str]:
    webhook = provider.webhook
    if webhook.answer is not None:
        yield f"To every event the gateway answers {_answer(webhook.answer)}: {provider.name} insists on it."
    delivery = webhook.delivery
    if delivery is None:
        yield "Whether the vendor retries is not known here; the gateway answers as soon as the event is stored."
        return
    for label, text in (
        ("Success", (delivery.success or "").replace("|", " or ") or None),
        ("Time to answer", delivery.timeout),
    ):
        if text is not None:
            yield f"{label}: {text}."
    if delivery.retries:
        yield "Retries: " + "; ".join(f"{name} {value}" for name, value in delivery.retries.items()) + "."
    yield from (f"{note[:1].upper()}{note[1:]}." for note in delivery.notes)
    yield f"These facts: {words.EVIDENCE[delivery.evidence]}."


def _evidence(provider: Provider) -> Iterator[str]:
    evidence = provider.evidence
    if provider.sends_webhooks or provider.api is not None:
        yield f"{'Signature' if provider.sends_webhooks else 'API'}: {words.evidence_words(evidence)}."
        if evidence.by:
            yield f"By: {'; '.join(evidence.by)}."
    if provider.sends_webhooks:
        yield f"Events: {words.IDS[evidence.ids]}."
    if provider.oauth is not None:
        yield from sources_lines(provider.oauth)
    if provider.docs:
        yield f"The vendor's page: {provider.docs}."
