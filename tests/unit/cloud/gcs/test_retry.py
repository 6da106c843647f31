"""Which requests are retried. A script lists the outcomes of the attempts."""

import asyncio

import pytest

from cloud.errors import AlreadyExists, NotFound, ResourceExhausted, Unauthenticated, Unavailable
from cloud.gcs.backoff import Retries
from cloud.gcs.retry import RetryableError, call_with_retries, finish_before_cancel

LATER = RetryableError(Unavailable("not now"), is_transient=True)
SLOWER = RetryableError(ResourceExhausted("slower"), is_transient=True, retry_after=17.0)
EXISTS = RetryableError(AlreadyExists("exists"))
GONE = RetryableError(NotFound("gone"))
STALE = RetryableError(Unauthenticated("old token"), is_auth_error=True)
RETRIES = Retries(attempts=4, first=1.0, longest=4.0)


class Script:
    def __init__(self, *outcomes: object) -> None:
        self.outcomes, self.attempts, self.pauses = list(outcomes), 0, []

    async def attempt(self) -> object:
        self.attempts += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self, **options: object) -> object:
        return await call_with_retries(self.attempt, RETRIES, sleep=self.sleep, **options)


async def test_transient_errors_are_retried_with_growing_random_pauses():
    scripts = [Script(LATER, LATER, "done") for _ in range(5)]
    for script in scripts:
        assert await script.run() == "done"
        assert 0.5 <= script.pauses[0] <= 1.0 <= script.pauses[1] <= 2.0
    assert len({script.pauses[0] for script in scripts}) > 1


async def test_the_last_failure_is_raised_after_the_last_attempt():
    script = Script(LATER, SLOWER, LATER, LATER)
    with pytest.raises(Unavailable, match="not now"):
        await script.run()
    assert script.attempts == 4
    assert script.pauses[1] == 17.0


@pytest.mark.parametrize("failure", [EXISTS, GONE], ids=str)
async def test_a_permanent_error_is_raised_at_once_unless_an_earlier_attempt_explains_it(failure):
    results = iter([None, "made before"])

    async def find_existing():
        return next(results)

    first = Script(failure)
    with pytest.raises(type(failure.error)):
        await first.run(find_existing=find_existing)
    assert (first.attempts, first.pauses) == (1, [])
    assert await Script(LATER, failure).run(find_existing=find_existing) == "made before"


async def test_find_existing_is_also_called_after_the_last_attempt():
    script = Script(*[LATER] * 4)

    async def find_existing():
        return "made" if script.attempts == 4 else None

    assert await script.run(find_existing=find_existing) == "made"


async def test_a_new_token_is_tried_once():
    renewed = []

    async def renew():
        renewed.append(1)

    assert await Script(STALE, "done").run(renew=renew) == "done"
    with pytest.raises(Unauthenticated):
        await Script(STALE, STALE).run(renew=renew)
    assert len(renewed) == 2


async def test_the_first_cancellation_waits_for_the_work_and_the_second_does_not():
    started, proceed, done = asyncio.Event(), asyncio.Event(), []

    async def work():
        started.set()
        await proceed.wait()
        done.append(1)

    for cancellations in (1, 2):
        started.clear(), proceed.clear()
        task = asyncio.create_task(finish_before_cancel(work()))
        await started.wait()
        for _ in range(cancellations):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert task.done() is (cancellations == 2)
        proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(done) == 1
