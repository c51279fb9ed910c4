"""Many items by calls that take several: as many at a time as fit, each with what became of it, in their order.

    for outcome in in_batches(contacts, send, max_items=100, start=done):
        done = outcome.index + 1

Items are taken as they are needed and outcomes given as they come: one call's worth is held. What a call looks like,
and how its answer tells of single items, `send` knows: systems agree on nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Literal, TypeVar

import orjson

from gateway.clients.errors import IntegrationError, RequestRefused, ResponseInvalid

Item = TypeVar("Item")
Result = TypeVar("Result")

Send = Callable[[Sequence[Item]], Sequence[Result | IntegrationError]]
"""One call: for each item, in their order, what came of it, or the error that it alone has.

Raises `IntegrationError` when the call failed as a whole.
"""

OnRefusal = Literal["raise", "divide", "isolate"]
"""What follows when a system refuses a call of several items.

"raise": it is the caller's. "divide": one that was too large (413) is sent in halves. "isolate": any is, until what is
refused stands alone, which takes up to twice as many calls as there are items.
"""

_TOO_LARGE: Final = 413


@dataclass(frozen=True, slots=True)
class ItemOutcome(Generic[Item, Result]):
    """What became of one item. `index` is its position among all; without an `error` the `result` is what came."""

    index: int
    item: Item
    result: Result | None
    error: IntegrationError | None


def in_batches(
    items: Iterable[Item],
    send: Send[Item, Result],
    *,
    max_items: int,
    max_bytes: int | None = None,
    size_bytes: Callable[[Item], int] | None = None,
    start: int = 0,
    on_refusal: OnRefusal = "divide",
) -> Iterator[ItemOutcome[Item, Result]]:
    """The outcomes of `items`, at most `max_items` with `max_bytes` a call; `size_bytes` is that of one, as JSON unless
    given.

    The first `start` items are passed over: to go on after an error, give the last outcome's index and one more. Of the
    call that failed nothing was told; `error.call.may_have_happened` says whether it may have been carried out. Raises
    `IntegrationError`.
    """
    if start < 0:
        raise ValueError("a position is not negative")
    weigh = (size_bytes or json_bytes) if max_bytes is not None else None
    at = start
    for batch, _ in grouped(islice(items, start, None), weigh, max_items=max_items, max_weight=max_bytes or 0):
        yield from _sent(batch, send, at, on_refusal)
        at += len(batch)


def grouped(
    items: Iterable[Item], weigh: Callable[[Item], int] | None, *, max_items: int, max_weight: int
) -> Iterator[tuple[list[Item], int]]:
    """`items` for one call each, with what they weigh together; one that is too heavy for any goes alone."""
    if max_items < 1:
        raise ValueError("a call takes at least one item")
    batch: list[Item] = []
    total = 0
    for item in items:
        weight = weigh(item) if weigh is not None else 0
        if batch and (len(batch) >= max_items or total + weight > max_weight):
            yield batch, total
            batch, total = [], 0
        batch.append(item)
        total += weight
    if batch:
        yield batch, total


def matched(
    items: Iterable[Item],
    results: Iterable[Result],
    *,
    item_key: Callable[[Item], Hashable],
    result_key: Callable[[Result], Hashable],
) -> list[Result | IntegrationError]:
    """`results` in the order of `items`, for systems that answer in another, or leave out what failed.

    An item of which nothing came is told so by `ResponseInvalid`.
    """
    found = {result_key(result): result for result in results}
    return [found.get(item_key(item), ResponseInvalid("nothing came back for this item")) for item in items]


def json_bytes(item: Any) -> int:
    """What `item` takes in a list of JSON."""
    return len(orjson.dumps(item)) + 1


def _sent(
    batch: Sequence[Item], send: Send[Item, Result], at: int, on_refusal: OnRefusal
) -> Iterator[ItemOutcome[Item, Result]]:
    try:
        results = send(batch)
    except RequestRefused as error:
        is_of_items = on_refusal == "isolate" or (on_refusal == "divide" and error.call.status == _TOO_LARGE)
        if not is_of_items:
            raise
        if len(batch) == 1:
            yield ItemOutcome(at, batch[0], None, error)
            return
    else:
        if len(results) != len(batch):
            raise ResponseInvalid(f"results were due for {len(batch)} items, and {len(results)} came")
        for index, (item, result) in enumerate(zip(batch, results, strict=True), at):
            if isinstance(result, IntegrationError):
                yield ItemOutcome(index, item, None, result)
            else:
                yield ItemOutcome(index, item, result, None)
        return
    middle = len(batch) // 2
    yield from _sent(batch[:middle], send, at, on_refusal)
    yield from _sent(batch[middle:], send, at + middle, on_refusal)
