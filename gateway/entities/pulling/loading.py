"""Records that are loaded into another system before they become entities here: between judging a page and taking it
in, outside of transactions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gateway.entities.external import ExternalResource, Loading
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.judging import Flaw, Refused, Taken, judge_mapped, refused
from gateway.entities.pulling.page import Sorted
from gateway.entities.pulling.reading import asked


def loaded(pulling: Pulling, resource: ExternalResource, found: Sorted) -> Sorted:
    """A page after its records were loaded; as it is where the resource loads nothing, and for a plan.

    Raises `IntegrationError`, `JobInterrupted`.
    """
    if pulling.overlay is not None or not isinstance(resource, Loading) or not (found.taken or found.gone):
        return found
    records = [one.mapped for one in found.taken]
    came = asked(pulling, partial(resource.load, records, [one.integration_id for one in found.gone]))
    taken: list[Taken] = []
    aside: list[Refused] = list(found.refused)
    for mapped in came.records:
        judged = judge_mapped(resource, mapped.attributes, mapped)
        if isinstance(judged, Refused):
            aside.append(judged)
        else:
            taken.append(judged)
    for raw, faults in came.refused:
        aside.append(refused(resource, raw, [Flaw(one.field, one.code, one.message) for one in faults]))
    staying = {one.integration_id for one in aside}
    gone = [one for one in found.gone if one.integration_id not in staying]
    return replace(found, taken=taken, refused=aside, gone=gone)
