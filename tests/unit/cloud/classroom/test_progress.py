import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloud.classroom import progress as module
from cloud.classroom.progress import Progress
from cloud.classroom.report import Failure
from cloud.lab.checks import Lab, Outcome
from cloud.lifecycle import JobState
from cloud.testing.contract.base import TIMEOUT


class Backend:
    def __init__(self, *jobs: tuple[str, JobState, str]) -> None:
        self.jobs = [SimpleNamespace(job_id=name, state=state, error_message=text) for name, state, text in jobs]

    async def list_jobs(self, **_: object) -> list[SimpleNamespace]:
        return self.jobs[:1]


def progress(monkeypatch: pytest.MonkeyPatch, look: object, *jobs: tuple[str, JobState, str]) -> Progress:
    monkeypatch.setattr(module, "CHECKS", {"one": None, "two": None})
    monkeypatch.setattr(module, "look", look)
    return Progress(Backend(*jobs), {}, Path())  # type: ignore[arg-type]


async def test_what_is_done_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(name: str, _: Lab) -> Outcome:
        asked.append(name)
        return Outcome(name == "one", "words", "palabras")

    found = progress(monkeypatch, look, ("job_2", JobState.FAILED, "why"), ("job_1", JobState.SUCCEEDED, ""))
    report = await found.look()
    assert (report.is_done("one"), report.is_done("two"), report.failure) == (True, False, Failure("job_2", "why"))
    await found.look()
    assert asked == ["one", "two", "two"]


async def test_a_defect_of_a_check_is_one_that_is_not_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def look(name: str, _: Lab) -> Outcome:
        if name == "one":
            raise RecursionError("too deep")
        return Outcome(is_done=True, english="", spanish="")

    report = await progress(monkeypatch, look).look()
    assert report.checks["one"].en == "RecursionError('too deep')"
    assert report.is_done("two")
    assert "the check one" in caplog.text


async def test_a_check_that_hangs_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, started = threading.Event(), list[str]()

    def look(name: str, _: Lab) -> Outcome:
        started.append(name)
        if name == "two":
            assert go_on.wait(TIMEOUT)
        return Outcome(is_done=True, english="", spanish="")

    monkeypatch.setattr(module, "_TIME_LIMIT", 0.1)
    found = progress(monkeypatch, look)
    for _ in range(2):
        report = await found.look()
        assert (report.is_late, report.is_done("one"), report.is_done("two")) == (True, True, False)
    assert started == ["one", "two"], "no second thread"
    go_on.set()
    monkeypatch.setattr(module, "_TIME_LIMIT", TIMEOUT)
    report = await found.look()
    assert (report.is_late, report.is_done("two")) == (False, True)
