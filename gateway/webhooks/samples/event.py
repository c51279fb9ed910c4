"""A sample event as its provider would send it: body, type, id and proof, ready to be posted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from gateway.providers import Provider, Scheme
from gateway.providers.webhook.model import Batch
from gateway.providers.webhook.places import Place, places_of
from gateway.webhooks.samples.documents import HEADERS, sample_document
from gateway.webhooks.samples.request_draft import FORM, JSON, Draft
from gateway.webhooks.samples.signing import Held, Moment, sign

_FORM_KINDS = frozenset({"form", "form_json", "form_sorted"})


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What is sent. `url` is the public one, which some providers extend."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


def sample_request(
    provider: Provider,
    scheme: Scheme,
    held: Held,
    moment: Moment,
    *,
    event_type: str,
    url: str,
    options: Mapping[str, str],
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> SampleRequest:
    """A signed event of `event_type`; `body` replaces the sample's, `headers` what comes beside those that the entry
    speaks of. Raises `NotFound` and `InvalidInput`.
    """
    draft = _draft(provider, scheme, moment, event_type, url, options, body)
    if headers is not None:
        draft.headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    if body is None:
        _identify(provider, draft, event_type, moment)
    else:
        _identify_by_headers(provider, draft, event_type, moment)
    sign(scheme, draft, held, moment)
    return _request(draft)


def unsigned_sample(provider: Provider, scheme: Scheme, moment: Moment, event_type: str) -> SampleRequest:
    """A sample of `event_type` before it is signed. Raises `NotFound`."""
    draft = _draft(provider, scheme, moment, event_type, "https://gateway.invalid/", {}, None)
    _identify(provider, draft, event_type, moment)
    return _request(draft)


def _request(draft: Draft) -> SampleRequest:
    headers = {"Content-Type": draft.content_type} | draft.headers
    return SampleRequest(draft.method, draft.url, list(headers.items()), draft.body())


def _draft(
    provider: Provider,
    scheme: Scheme,
    moment: Moment,
    event_type: str,
    url: str,
    options: Mapping[str, str],
    body: bytes | None,
) -> Draft:
    content_type = FORM if _is_form(provider, scheme) else JSON
    defaults = {name: option.default for name, option in provider.options.items() if option.default is not None}
    draft = Draft(url=url, content_type=content_type, options=defaults | dict(options), raw=body)
    draft.headers = dict(HEADERS.get(provider.id, {}))
    if body is not None:
        draft.form = (
            dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if content_type == FORM else {}
        )
        draft.document = _document(body) if content_type == JSON else None
        return draft
    sample = sample_document(provider, event_type, unique_id=moment.unique_id, now_seconds=moment.now_seconds)
    if content_type == FORM:
        draft.form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sample.items()}
    else:
        draft.document = sample
    return draft


def _identify(provider: Provider, draft: Draft, event_type: str, moment: Moment) -> None:
    """Write type and id where the entry has them, unless the sample brings them; for generic, where options say."""
    webhook = provider.webhook
    if webhook.batch is not None:
        _fill_batch(webhook.batch, draft, event_type, moment)
    places = (
        (webhook.event_type, draft.options.get("event_type_header"), event_type),
        (webhook.event_id, draft.options.get("event_id_header"), moment.unique_id),
    )
    for alternatives, header, value in places:
        if header:
            draft.set_header(header, value)
        elif not any(draft.get(place) for place in alternatives):
            target = next((place for place in alternatives if _can_hold(draft, place)), None)
            if target is not None:
                draft.put(target, value)


def _can_hold(draft: Draft, place: Place) -> bool:
    """Whether such a place exists in a body of the draft's content type."""
    if place.kind in _FORM_KINDS:
        return draft.content_type == FORM
    return place.kind != "claim" and not (place.kind in ("json", "json_key") and draft.content_type == FORM)


def _identify_by_headers(provider: Provider, draft: Draft, event_type: str, moment: Moment) -> None:
    """For a body of the operator's own: only headers are added."""
    webhook = provider.webhook
    for places, value in ((webhook.event_type, event_type), (webhook.event_id, moment.unique_id)):
        header = next((place for place in places if place.kind == "header"), None)
        if header is not None and not any(draft.get(place) for place in places if place.kind == "header"):
            draft.put(header, value)


def _fill_batch(batch: Batch, draft: Draft, event_type: str, moment: Moment) -> None:
    """Make the array with one element that has type and id, unless the sample has it."""
    items = batch.items
    if draft.get(items) not in (None, "") and _is_list(draft.get(items)):
        return
    for path, value in ((batch.type, event_type), (batch.id, moment.unique_id)):
        if path is not None:
            text = ".".join((*items.path, "0", *path))
            prefix = f"form_json:{items.name}:" if items.kind == "form_json" else "json:"
            draft.put(Place(f"{prefix}{text}", items.kind, items.name, (*items.path, "0", *path)), value)


def _is_list(text: str | None) -> bool:
    return bool(text) and isinstance(_document((text or "").encode()), list)


def _is_form(provider: Provider, scheme: Scheme) -> bool:
    """Whether the provider sends forms by this scheme."""
    wanted = [text for condition in scheme.when if condition.place.kind == "content_type" for text in condition.values]
    if wanted:
        return FORM in wanted
    part = scheme.signature or scheme.token
    proof = [place for template in scheme.signs for place in places_of(template)]
    proof += part.places if part is not None else ()
    if any(place.kind in _FORM_KINDS for place in proof):
        return True
    kinds = {place.kind for place in (*provider.webhook.event_type, *provider.webhook.event_id)}
    return bool(kinds & _FORM_KINDS) and "json" not in kinds


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
