"""Whether a source refuses a captured request that is sent again, and by what: from what its schemes cover. Pure.

A scheme that covers the dedupe id and a time that ends soon needs nothing: while it lasts, the journal holds the id.
For the others what was signed is remembered. By default only where no two honest events are signed alike; whoever knows
that a vendor's are not may ask for it anywhere, and what they ask for holds to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.providers.webhook.coverage import Freshness, coverage_of
from gateway.providers.webhook.covered import Extent

if TYPE_CHECKING:
    from gateway.providers import Scheme
    from gateway.providers.webhook.coverage import Coverage
    from gateway.providers.webhook.model import Webhook

# Beyond the time in which a signature counts: clocks are set.
MARGIN_SECONDS = 3600.0
# For how long the journal surely holds an event: nothing younger is purged without force.
HELD_SECONDS = 3600.0


class Replays(StrEnum):
    """What becomes of a captured request that is sent again: as it was, or changed where its proof does not look."""

    REFUSED = "refused"  # it is a duplicate, or replayed
    ACCEPTED = "accepted"  # under another dedupe id, or once the purge has forgotten the event, it is a new event


class Remembering(NamedTuple):
    """How a scheme's proofs are remembered. `seconds` None: for as long as the installation remembers any.

    `needs_keys`: only where every event of the request has a dedupe key, since without one equal texts may be two
    events. `may_repeat`: the same request is an event each time it comes, and refused is only one that divides the
    signed text into other fields, or into URL and fields elsewhere.
    """

    seconds: float | None
    needs_keys: bool
    may_repeat: bool = False


def remembered(webhook: Webhook, schemes: Sequence[Scheme], *, wanted: bool | None) -> Mapping[str, Remembering]:
    """By the id of a scheme, for those of `schemes` whose proofs are to be remembered.

    `wanted` is what the operator says; None: where nothing honest can be refused.
    """
    found = {}
    # What one scheme signed as fields may fit another's URL.
    can_be_divided = any(coverage_of(webhook, scheme).runs_fields_together for scheme in webhook.schemes)
    for scheme in schemes:
        coverage = coverage_of(webhook, scheme)
        if not _refuses(coverage, wanted) or (wanted is None and _is_covered(coverage)):
            if can_be_divided and coverage.is_signed and wanted is not False:
                found[scheme.id] = Remembering(None, needs_keys=False, may_repeat=True)
            continue
        counts_for = _counts_for_seconds(coverage)
        found[scheme.id] = Remembering(
            None if counts_for is None else counts_for + MARGIN_SECONDS,
            # Cut into other fields the same text has no key: whoever captured it must not get around by that.
            needs_keys=wanted is None and not coverage.single_use and not coverage.runs_fields_together,
        )
    return found


def replays(webhook: Webhook, schemes: Sequence[Scheme], *, wanted: bool | None) -> Replays:
    """What becomes of replays at a source that any of `schemes` may verify."""
    for scheme in schemes:
        coverage = coverage_of(webhook, scheme)
        if not _is_covered(coverage) and not _refuses(coverage, wanted):
            return Replays.ACCEPTED
    return Replays.REFUSED


def can_refuse(webhook: Webhook, schemes: Sequence[Scheme]) -> bool:
    """Whether the proofs of any of `schemes` belong to one request each."""
    return any(coverage_of(webhook, scheme).belongs_to_one_request for scheme in schemes)


def _is_covered(coverage: Coverage) -> bool:
    """Whether the journal's dedupe keys refuse every replay for as long as one would verify.

    Where the body is open they do not: what was signed for one scheme of the provider may be dressed up for another
    one, which reads the key elsewhere.
    """
    if coverage.body is not Extent.WHOLE:
        return False
    counts_for = _counts_for_seconds(coverage)
    return coverage.covers_id is True and counts_for is not None and counts_for <= HELD_SECONDS


def _counts_for_seconds(coverage: Coverage) -> float | None:
    """At most how long a signature counts after it was accepted; None where it does not end."""
    if coverage.freshness is not Freshness.LIMITED or coverage.max_age_seconds is None:
        return None
    # It may come from the future by as much as from the past.
    return 2 * coverage.max_age_seconds


def _refuses(coverage: Coverage, wanted: bool | None) -> bool:
    return coverage.belongs_to_one_request and (coverage.tells_apart if wanted is None else wanted)
