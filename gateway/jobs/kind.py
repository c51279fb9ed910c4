"""A kind of job: a function, and how its jobs are carried out. All kinds stand in one list, `engines/kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from marshmallow import Schema

    from gateway.jobs.run import JobRun

_marshmallow = deferred("marshmallow")

Result: TypeAlias = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What all jobs of one kind share.

    `run` carries one out and returns its result; what it raises fails the attempt. It is called again with the position
    that it committed last when the process before died, and after a failure. It and the other functions are those of a
    module, so that another process finds them; what `run` needs is best `deferred`.
    """

    name: str
    """Lower-case words with dots (`events.replay`); its queue is `jobs.<name>`."""
    payload: type[Schema] | str
    """The schema of what its jobs are given, or where that stands (`module:name`): workers need none."""
    run: Callable[[JobRun], Result]
    timeout_seconds: float
    """How long one attempt may take."""
    scope: Scope = Scope.OPERATOR
    """What a key must be allowed that has one carried out, beside its right to jobs or schedules."""
    retry_seconds: tuple[float, ...] = ()
    """How long to wait after the first failure, the second, …; after the last one it has failed. Errors that say of a
    request that it cannot be carried out (`InvalidInput`) are not retried."""
    concurrency: int | None = None
    """How many run at once on all machines, None for as many as there are slots."""
    tenant_concurrency: int | None = None
    """The same, of each tenant."""
    uniqueness: Callable[[Mapping[str, Any]], str | None] | None = None
    """Payload → a key: of one key, one waits and one runs."""
    gives_way: bool = False
    """While others wait and no slot is free, one that has had its turn goes to the end of the queue. For long work that
    commits its position."""
    is_resident: bool = False
    """It waits nearly all of its time, for as long as it can: it takes none of the slots that others are carried out
    in."""
    in_process: bool = False
    """In a child process of its own, which can be killed, instead of a thread."""

    def loaded(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """`payload` as it is kept. Raises `InvalidInput`: a defect of whoever asks."""
        schema: type[Schema] = resolve_name(self.payload) if isinstance(self.payload, str) else self.payload
        try:
            kept: dict[str, Any] = schema().dump(schema(unknown=_marshmallow.RAISE).load(payload))
        except _marshmallow.ValidationError as error:
            raise InvalidInput(f"the payload of a job {self.name} is wrong: {error}") from error
        return kept

    def key_of(self, payload: Mapping[str, Any]) -> str | None:
        """The uniqueness key of a payload, None where there is none."""
        return None if self.uniqueness is None else self.uniqueness(payload)
