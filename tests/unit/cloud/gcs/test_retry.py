"""What is sent again, and what is seen through. Each script is what happens to one attempt after the other."""

import asyncio

import pytest

from cloud.errors import AlreadyExists, NotFound, ResourceExhausted, Unauthenticated, Unavailable
from cloud.gcs.backoff import Retries
from cloud.gcs.retry import RetryableError, completed, persist

LATER = RetryableError(Unavailable("not now"), is_transient=True)
SLOWER = RetryableError(ResourceExhausted("slower"), is_transient=True, asked=17.0)
TAKEN = RetryableError(AlreadyExists("taken"))
GONE = RetryableError(NotFound("gone"))
STALE = RetryableError(Unauthenticated("who?"), is_auth_error=True)
PATIENCE = Retries(attempts=4, first=1.0, longest=4.0)


class Play:
    def __init__(self, *script: object) -> None:
        self.script, self.attempts, self.pauses = list(script), 0, []

    async def attempt(self) -> object:
        self.attempts += 1
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def persist(self, **options: object) -> object:
        return await persist(self.attempt, PATIENCE, sleep=self.sleep, **options)


async def test_what_may_pass_is_tried_again_ever_later_and_never_at_the_same_moment():
    plays = [Play(LATER, LATER, "done") for _ in range(5)]
    for play in plays:
        assert await play.persist() == "done"
        assert 0.5 <= play.pauses[0] <= 1.0 <= play.pauses[1] <= 2.0
    assert len({play.pauses[0] for play in plays}) > 1


async def test_patience_ends_with_the_last_failure():
    play = Play(LATER, SLOWER, LATER, LATER)
    with pytest.raises(Unavailable, match="not now"):
        await play.persist()
    assert play.attempts == 4
    assert play.pauses[1] == 17.0


@pytest.mark.parametrize("refusal", [TAKEN, GONE], ids=str)
async def test_a_refusal_is_told_at_once_unless_an_attempt_before_is_why(refusal):
    looks = iter([None, "made before"])

    async def find_existing():
        return next(looks)

    first = Play(refusal)
    with pytest.raises(type(refusal.error)):
        await first.persist(find_existing=find_existing)
    assert (first.attempts, first.pauses) == (1, [])
    assert await Play(LATER, refusal).persist(find_existing=find_existing) == "made before"


async def test_it_is_asked_after_the_last_attempt_too():
    play = Play(*[LATER] * 4)

    async def find_existing():
        return "made" if play.attempts == 4 else None

    assert await play.persist(find_existing=find_existing) == "made"


async def test_a_new_token_is_tried_once():
    renewed = []

    async def renew():
        renewed.append(1)

    assert await Play(STALE, "done").persist(renew=renew) == "done"
    with pytest.raises(Unauthenticated):
        await Play(STALE, STALE).persist(renew=renew)
    assert len(renewed) == 2


async def test_what_was_begun_is_seen_through_once_and_left_the_second_time():
    began, go_on, made = asyncio.Event(), asyncio.Event(), []

    async def work():
        began.set()
        await go_on.wait()
        made.append(1)

    for interruptions in (1, 2):
        began.clear(), go_on.clear()
        task = asyncio.create_task(completed(work()))
        await began.wait()
        for _ in range(interruptions):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert task.done() is (interruptions == 2)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(made) == 1
