"""Logs whose entries become visible late, in parts and out of order."""

from dataclasses import dataclass, field

from cloud.backends.google.logs import JobLog, Lateness, Logs
from cloud.gcs.backoff import Pace


@dataclass
class Logging:
    """Returns the entries of each poll in turn; the last one repeatedly."""

    polls: list[list[str]]
    filters: list[str] = field(default_factory=list)

    async def send(self, method_id, params, body):
        self.filters.append(body["filter"])
        found = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        return {"entries": [entry(text) for text in found]}


def entry(text: str) -> dict:
    second, task, message = text.split(" ", 2)
    payload = {"textPayload": message} if task == "service" else {"jsonPayload": {"message": message}}
    labels = {"task_name": task}
    return {
        "insertId": text,
        "timestamp": f"2026-01-01T00:00:{second}.123456789Z",
        "resource": {"labels": labels},
        **payload,
    }


def logs(polls: list[list[str]], quiet: float = 0.0) -> tuple[Logs, Logging]:
    logging = Logging(polls)
    return Logs(logging, "p", pace=Pace(0.001, 0.001), lateness=Lateness(overlap=5, quiet=quiet)), logging


async def follow(polls: list[list[str]], ended_at: int, quiet: float = 0.0) -> list[str]:
    reader, logging = logs(polls, quiet)

    async def is_final() -> bool:
        return len(logging.filters) >= ended_at

    return [found.message async for found in reader.follow(JobLog("7"), is_final)]


DONE = "09 service Job completed successfully."


async def test_every_entry_is_reported_once():
    polls = [["01 service a", "02 master-replica-0 b"], ["02 master-replica-0 b", "03 w c"], ["03 w c", DONE]]
    assert await follow(polls, 2) == ["a", "b", "c", "Job completed successfully."]


async def test_late_entries_are_reported_late():
    polls = [["01 w a", "05 w e"], ["04 w d", "05 w e"], [DONE]]
    assert await follow(polls, 2) == ["a", "e", "d", "Job completed successfully."]


async def test_a_log_without_its_last_entry_ends_when_no_more_arrive():
    assert await follow([["01 w a"], ["01 w a"], ["02 w b"], ["02 w b"]], 1, quiet=0.003) == ["a", "b"]


async def test_polls_overlap():
    reader, logging = logs([["10 w a"], ["10 w a", DONE]], quiet=1.0)

    async def is_final() -> bool:
        return True

    _ = [found async for found in reader.follow(JobLog("7"), is_final)]
    first, second = logging.filters[:2]
    assert first == 'resource.type="ml_job" AND resource.labels.job_id="7"'
    assert second.removeprefix(first) == ' AND timestamp>="2026-01-01T00:00:05.123456Z"'
