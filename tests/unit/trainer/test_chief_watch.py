import socket

import pytest

from trainer.chief_watch import GONE_SECS, ChiefWatch


def test_a_chief_that_answered_and_is_silent_for_long_is_gone() -> None:
    now, answers = 0.0, False
    watch = ChiefWatch("a:1", lambda: now, lambda _: answers)
    assert not watch.is_gone()
    now = 10 * GONE_SECS
    assert not watch.is_gone(), "it has not started yet"
    answers = True
    assert not watch.is_gone()
    answers, now = False, now + GONE_SECS - 1
    assert not watch.is_gone(), "a service may restart it"
    now += 1
    assert watch.is_gone()


@pytest.mark.parametrize("is_up", [True, False])
def test_an_address_answers_while_something_listens(is_up: bool) -> None:
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        watch = ChiefWatch(f"127.0.0.1:{listener.getsockname()[1]}", lambda: now)
        assert not watch.is_gone()
        now = GONE_SECS + 1
        if is_up:
            assert not watch.is_gone()
    if not is_up:
        assert watch.is_gone()
