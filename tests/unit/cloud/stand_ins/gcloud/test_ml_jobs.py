"""``stream-logs``: when it looks for new lines."""

import io
from typing import Any

import pytest

from cloud.stand_ins.gcloud import ml_jobs


class Log:
    """A project whose log gains ``lines[look]`` before each look, and whose job ends with the last of them."""

    project = "p"

    def __init__(self, lines: list[int]) -> None:
        self._lines, self._looks = lines, 0
        self._entries: list[dict[str, Any]] = []

    def call(self, *_: Any) -> dict[str, Any]:
        for _each in range(self._lines[self._looks] if self._looks < len(self._lines) else 0):
            number = len(self._entries)
            stamp = f"2026-01-01T00:00:00.{number:06d}Z"
            self._entries.append({"insertId": str(number), "timestamp": stamp, "textPayload": f"line {number}"})
        self._looks += 1
        return {"entries": list(self._entries)}

    def has_ended(self) -> bool:
        return self._looks >= len(self._lines) - 1


def pauses(lines: list[int], interval: float | None, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], str]:
    """The waits, and what was written."""
    slept: list[float] = []
    monkeypatch.setattr(ml_jobs.time, "sleep", slept.append)
    log, to = Log(lines), io.StringIO()
    ml_jobs.follow_entries(log, "f", log.has_ended, interval, to)  # type: ignore[arg-type]
    return slept, to.getvalue()


def test_the_quieter_the_job_the_longer_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, written = pauses([1, 0, 0, 0, 0, 0, 0, 1, 0, 1], None, monkeypatch)
    assert slept == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 0.1]
    assert [line.rpartition("\t")[2] for line in written.splitlines()] == ["line 0", "line 1", "line 2"]


def test_it_waits_as_long_as_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses([1, 0, 0, 1], 60.0, monkeypatch)[0] == [60.0, 60.0]
