"""One turn of a push: what is sent, and the calls that it takes. In a thread of its own; no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.clients.errors import RemoteConflict, RemoteNotFound, Unavailable
from gateway.entities.comparing import ABSENT, same
from gateway.entities.content import NotJson, mapped_digest
from gateway.entities.external import ExternalResource, Mapped, Outgoing, Raw, RecordInvalid
from gateway.entities.pushing.answers import Answer, Consequence, Failed, Found, Made, Missing, Removed, failed
from gateway.entities.pushing.planning import Operation
from gateway.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One entity's. `edits` are the ids of the changes that it carries, `token` that of their lease. `is_doubtful`: an
    earlier try may have taken effect. `written` is as in `Plan`.
    """

    entity_id: str
    edits: Sequence[str]
    token: str
    operation: Operation
    resource: ExternalResource
    outgoing: Outgoing
    is_doubtful: bool = False
    written: Mapping[str, Any] | None = None


def carry_out(turn: Turn) -> Answer:
    """Make the calls. Never raises."""
    try:
        return _CALLS[turn.operation](turn)
    except BaseException as error:
        # Also what means to end a thread: whoever waits for the answer gets one.
        answer = failed(error)
        if answer.code == "type_failed":
            _log.exception("an integration type failed to push; it is tried again", kind=turn.outgoing.kind)
        return answer


def _create(turn: Turn) -> Answer:
    resource, outgoing = turn.resource, turn.outgoing
    if turn.is_doubtful and resource.abilities.finds:
        found = resource.find(outgoing)
        if found is not None:
            return _created(resource, found)
    try:
        return _created(resource, resource.create(outgoing))
    except RemoteConflict as error:
        # It is there already: by an earlier try of ours, or else it is somebody else's.
        found = resource.find(outgoing) if resource.abilities.finds else None
        if found is None:
            return Failed(Consequence.PARK, error.code, str(error)[:500])
        return _created(resource, found)


def _update(turn: Turn) -> Answer:
    resource, outgoing = turn.resource, turn.outgoing
    if turn.is_doubtful and resource.abilities.looks_up:
        now = _look(turn)
        if now is None:
            return Missing()
        if _has_all(now, outgoing) or (now.mark is not None and outgoing.idempotency_key in now.mark):
            return Made(now)
        if now.version is None or now.version != outgoing.version:
            return Found(now)
    try:
        raw = resource.update(outgoing)
    except RemoteConflict as error:
        return _refused(turn, error)
    except RemoteNotFound:
        return Missing()
    if raw is None and resource.abilities.looks_up:
        return Made(_look(turn))
    return Made(None) if raw is None else _made(resource, raw)


def _delete(turn: Turn) -> Answer:
    try:
        turn.resource.delete(turn.outgoing)
    except RemoteConflict as error:
        answer = _refused(turn, error)
        if not isinstance(answer, Found) or not same(answer.mapped.attributes, turn.written):
            return answer
        # What changed there was an edit of ours, whose answer was lost.
        outgoing = replace(turn.outgoing, version=answer.mapped.version)
        return _delete(replace(turn, outgoing=outgoing, written=None))
    except RemoteNotFound:
        return Removed()
    return Removed()


def _withdraw(turn: Turn) -> Answer:
    """What a create may have made is not wanted any more."""
    if not turn.resource.abilities.finds:
        message = "it may have been made there, and cannot be looked up: look there, and delete it by hand"
        return Failed(Consequence.PARK, "may_have_been_made", message)
    found = turn.resource.find(turn.outgoing)
    if found is None:
        return Removed()
    mapped = _read(turn.resource, found)
    made = replace(turn.outgoing, integration_id=mapped.integration_id, version=mapped.version)
    return _delete(replace(turn, outgoing=made))


def _look_again(turn: Turn) -> Answer:
    now = _look(turn)
    return Missing() if now is None else Found(now)


_CALLS = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "withdraw": _withdraw,
    "look": _look_again,
}


def _refused(turn: Turn, error: RemoteConflict) -> Answer:
    """The version that this was based on is not the one there is: what is there now?"""
    if not turn.resource.abilities.looks_up:
        return Failed(Consequence.PARK, error.code, f"{error}; and what is there cannot be read"[:500])
    now = _look(turn)
    if now is None:
        return Removed() if turn.operation == "delete" else Missing()
    if now.version is not None and now.version == turn.outgoing.version:
        message = "the version that the system gives is not the one it takes: a proxy may rewrite ETags"
        return Failed(Consequence.AGAIN, "version_refused", message)
    return Found(now)


def _look(turn: Turn) -> Mapped | None:
    wanted = turn.outgoing.integration_id
    assert wanted is not None
    answers = turn.resource.look_up([wanted])
    if wanted not in answers:
        raise Unavailable(f"{turn.outgoing.kind} {wanted!r} could not be looked up")
    raw = answers[wanted]
    mapped = None if raw is None else _read(turn.resource, raw)
    return None if mapped is None or mapped.is_deleted else mapped


def _has_all(mapped: Mapped, outgoing: Outgoing) -> bool:
    return all(same(value, mapped.attributes.get(name, ABSENT)) for name, value in outgoing.fields.items())


def _created(resource: ExternalResource, raw: Raw) -> Answer:
    made = _made(resource, raw)
    if made.mapped is None:
        message = "it was made there, and what the system answered cannot be read: which one it is is not known"
        return Failed(Consequence.PARK, "answer_unreadable", message, is_doubtful=True)
    return made


def _made(resource: ExternalResource, raw: Raw) -> Made:
    """It is done, whether or not the answer can be read."""
    try:
        return Made(_read(resource, raw))
    except RecordInvalid as error:
        _log.warning(
            "the answer to a push cannot be read; the next pull will tell", kind=resource.kind, error=str(error)
        )
        return Made(None)


def _read(resource: ExternalResource, raw: Raw) -> Mapped:
    """What a record says, as it can be kept. Raises `RecordInvalid`."""
    mapped = resource.map(raw)
    try:
        mapped_digest(mapped)
    except NotJson as error:
        raise RecordInvalid(f"it has what no JSON has: {error}") from error
    return mapped
