"""A call with all its tries: a turn under the rate limit, credentials, leave of the breaker, the request; and again.

Again only while there is time, a try left, and no harm in it. What a request is, `attempt` knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from gateway.clients.auth.base import Auth
from gateway.clients.breaker import Breaker
from gateway.clients.errors import AuthenticationFailed, IntegrationError, RateLimited
from gateway.clients.judging import request_id
from gateway.clients.limits import RateLimit
from gateway.clients.observer import CallReport, Observer
from gateway.clients.retries import Random, RetryBudget, RetryPolicy, pause_before_next
from gateway.clients.stripping import strip, without
from gateway.clients.tracing import Tracer, status_of
from gateway.clients.values import SAFE_METHODS, Answer, CacheUse, Call

Result = TypeVar("Result")


class Progress:
    """How far a call has come."""

    def __init__(self, began_at: float, seconds: float) -> None:
        self.began_at = began_at
        self.ends_at = began_at + seconds
        self.tries = 0
        self.waited_seconds = 0.0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.answer: Answer | None = None
        self.cached: CacheUse | None = None
        self.sent: Call | None = None
        self.is_renewed = False

    @property
    def remaining_seconds(self) -> float:
        """What is left of the call's time; negative when it is over."""
        return self.ends_at - time.monotonic()

    def heard(self, answer: Answer) -> None:
        """The system answered."""
        self.answer = answer
        self.received_bytes += len(answer.body)


@dataclass(frozen=True, slots=True)
class CallRunner:
    """Runs calls to one system with one set of credentials. Safe from any thread."""

    system: str
    host: str
    origin: str
    auth: Auth
    limit: RateLimit
    breaker: Breaker
    retries: RetryPolicy
    budget: RetryBudget
    observers: Sequence[Observer]
    tracer: Tracer
    sleep: Callable[[float], None]
    random: Random

    def run(
        self,
        call: Call,
        progress: Progress,
        attempt: Callable[[Call], Result],
        rescue: Callable[[IntegrationError], Result | None] | None = None,
    ) -> Result:
        """`attempt`, as often as it takes and is right; told of when it is over.

        `rescue` gives what stands in for an error that may pass, None for nothing; that is told of too.
        """
        self.budget.earn()
        failed: IntegrationError | None = None
        try:
            return self._try(call, progress, attempt)
        except IntegrationError as error:
            failed = self._finished(error, call, progress)
            found = rescue(failed) if rescue is not None and failed.retryable else None
            if found is None:
                raise
            for observer in self.observers:
                observer.fell_back(self.system, failed)
            return found
        finally:
            self._report(call, progress, failed)

    def answered(self, call: Call, progress: Progress, answer: Answer) -> None:
        """`answer` was at hand: nothing was sent, waited for, or counted; it is told of."""
        progress.answer, progress.cached = answer, answer.cached
        self._report(call, progress, None)

    def _try(self, call: Call, progress: Progress, attempt: Callable[[Call], Result]) -> Result:
        while True:
            self._wait_for_turn(progress)
            progress.answer = None
            span = self.tracer.begin(self.system, self.origin, call, progress.tries)
            try:
                sent = progress.sent = self.auth.apply(call.with_headers(*span.headers) if span.headers else call)
                permit = self.breaker.admit()
            except BaseException as error:
                span.end(None, error)
                raise
            progress.tries += 1
            ended_with: BaseException | None = None
            try:
                return attempt(sent)
            except IntegrationError as error:
                ended_with = failed = error
                # Before anybody is told, and with the credentials of this try.
                strip(error, self.auth.secrets(sent))
                pause = self._pause_before_next(call, error, progress)
                if pause is None:
                    raise
            except BaseException as error:
                ended_with = error
                raise
            finally:
                answered = progress.answer
                span.end(status_of(ended_with, answered.status if answered is not None else None), ended_with)
                self.breaker.ended(permit, ended_with)
            self._wait(pause, progress, failed)

    def _pause_before_next(self, call: Call, error: IntegrationError, progress: Progress) -> float | None:
        if isinstance(error, AuthenticationFailed) and not progress.is_renewed and progress.sent is not None:
            progress.is_renewed = True
            return 0.0 if self.auth.refused(progress.sent) else None
        if isinstance(error, RateLimited) and error.retry_after_seconds is not None:
            self.limit.hold(error.retry_after_seconds)
        pause = pause_before_next(
            self.retries,
            error,
            tries=progress.tries,
            is_repeatable=call.may_repeat or not error.call.may_have_happened,
            remaining_seconds=progress.remaining_seconds,
            random=self.random,
        )
        return pause if pause is not None and self.budget.spend() else None

    def _wait_for_turn(self, progress: Progress) -> None:
        while wait := self.limit.wait_seconds():
            if wait >= progress.remaining_seconds:
                raise RateLimited(
                    f"not sent: the next call is due in {wait:.1f} seconds, which is later than this one may take",
                    retry_after_seconds=wait,
                )
            self._wait(wait, progress, None)

    def _wait(self, seconds: float, progress: Progress, error: IntegrationError | None) -> None:
        for observer in self.observers:
            observer.paused(self.system, seconds, error)
        progress.waited_seconds += seconds
        self.sleep(seconds)

    def _finished(self, error: IntegrationError, call: Call, progress: Progress) -> IntegrationError:
        """`error` as the caller sees it: with what is known of the call, without its credentials."""
        strip(error, self.auth.secrets(progress.sent or call))
        if error.call.system:
            # That of a token's service, which was called for this call: it says itself what failed where.
            return error
        error.call = replace(
            error.call,
            system=self.system,
            method=call.method,
            path=call.template,
            tries=progress.tries,
            may_have_happened=error.call.may_have_happened and call.method not in SAFE_METHODS,
        )
        error.args = (f"{self.system}: {error}",)
        return error

    def of_item(self, error: IntegrationError) -> IntegrationError:
        """`error` of one item in an answer that is a success else, as the caller sees it."""
        # The item's answer is not at hand any more; what was sent with it is what would be sent now.
        strip(error, self.auth.secrets(self.auth.apply(Call("GET", f"https://{self.host}/", "/"))))
        error.call = replace(error.call, system=self.system)
        error.args = (f"{self.system}: {error}",)
        return error

    def _report(self, call: Call, progress: Progress, error: IntegrationError | None) -> None:
        answer = progress.answer
        # The name of a kept answer is that of an earlier call.
        its_name = request_id(answer) if answer is not None and progress.cached != "fresh" else None
        report = CallReport(
            system=self.system,
            method=call.method,
            host=self.host,
            path=call.template,
            status=error.call.status if error is not None else answer.status if answer is not None else None,
            code=error.code if error is not None else None,
            tries=progress.tries,
            waited_seconds=progress.waited_seconds,
            seconds=time.monotonic() - progress.began_at,
            sent_bytes=progress.sent_bytes,
            received_bytes=progress.received_bytes,
            cached=progress.cached,
            request_id=its_name and without(its_name, self.auth.secrets(progress.sent or call)),
        )
        for observer in self.observers:
            observer.ended(report)
