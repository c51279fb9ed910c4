"""Fetching keys for strangers: bounded for each source, and not again at once for what could not be had."""

from __future__ import annotations

from gateway.clock import FakeClock
from gateway.outgoing.document import FetchedResponse
from gateway.webhooks.arrival import Answer
from gateway.webhooks.material import FAILED_SECONDS, FETCHES, FETCHES_OF_A_SOURCE, MaterialStore
from gateway.webhooks.verification import Credentials, MaterialRequest

GENUINE = MaterialRequest("certificate", "https://sns.eu-west-1.amazonaws.com/genuine.pem")


class Vendor:
    """Answers with the certificate where there is one; counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_down = False

    def __call__(self, url: str) -> FetchedResponse:
        self.asked.append(url)
        is_there = url == GENUINE.url and not self.is_down
        return FetchedResponse(200 if is_there else 404, {}, b"PEM" if is_there else b"")


def bogus(number: int) -> MaterialRequest:
    return MaterialRequest("certificate", f"https://sns.eu-west-1.amazonaws.com/{number}.pem")


def status(answer: Answer | None) -> int | None:
    return answer.status if answer is not None else None


def test_a_source_whose_fetches_are_used_up_does_not_stop_the_others() -> None:
    store = MaterialStore(FakeClock(), Vendor())
    answers = [status(store.fetch([bogus(number)], "src_a")) for number in range(FETCHES_OF_A_SOURCE.amount + 5)]
    assert answers == [503] * FETCHES_OF_A_SOURCE.amount + [429] * 5
    assert status(store.fetch([GENUINE], "src_a")) == 429
    assert store.fetch([GENUINE], "src_b") is None
    assert store.complete([GENUINE], Credentials()).certs == {GENUINE.url: "PEM"}


def test_all_sources_together_have_a_bound_too() -> None:
    vendor = Vendor()
    store = MaterialStore(FakeClock(), vendor)
    sources = 1 + FETCHES.amount // FETCHES_OF_A_SOURCE.amount
    for source in range(sources):
        for number in range(FETCHES_OF_A_SOURCE.amount):
            store.fetch([bogus(source * 1000 + number)], f"src_{source}")
    assert len(vendor.asked) == FETCHES.amount


def test_what_could_not_be_fetched_is_not_asked_for_again_at_once() -> None:
    vendor, clock = Vendor(), FakeClock()
    vendor.is_down = True
    store = MaterialStore(clock, vendor)
    refusals = [store.fetch([GENUINE], "src_a") for _ in range(3)]
    assert (refusals[0], status(refusals[0])) == (refusals[2], 503)
    assert vendor.asked == [GENUINE.url]
    # It does not use up the source's fetches either.
    assert [status(store.fetch([GENUINE], "src_a")) for _ in range(FETCHES_OF_A_SOURCE.amount)][-1] == 503
    vendor.is_down = False
    clock.advance(FAILED_SECONDS)
    assert store.fetch([GENUINE], "src_a") is None
    assert store.missing([GENUINE]) == []
