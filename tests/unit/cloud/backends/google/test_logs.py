"""A log that is found late, in pieces and out of order."""

from dataclasses import dataclass, field

from cloud.backends.google.logs import JobLog, Lateness, Logs
from cloud.gcs.backoff import Pace


@dataclass
class Logging:
    """What each look finds; the last one again and again."""

    looks: list[list[str]]
    filters: list[str] = field(default_factory=list)

    async def send(self, method_id, params, body):
        self.filters.append(body["filter"])
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
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


def logs(looks: list[list[str]], quiet: float = 0.0) -> tuple[Logs, Logging]:
    logging = Logging(looks)
    return Logs(logging, "p", pace=Pace(0.001, 0.001), lateness=Lateness(overlap=5, quiet=quiet)), logging


async def followed(looks: list[list[str]], ended_at: int, quiet: float = 0.0) -> list[str]:
    reader, logging = logs(looks, quiet)

    async def is_final() -> bool:
        return len(logging.filters) >= ended_at

    return [found.message async for found in reader.follow(JobLog("7"), is_final)]


DONE = "09 service Job completed successfully."


async def test_none_is_lost_and_none_is_told_twice():
    looks = [["01 service a", "02 master-replica-0 b"], ["02 master-replica-0 b", "03 w c"], ["03 w c", DONE]]
    assert await followed(looks, 2) == ["a", "b", "c", "Job completed successfully."]


async def test_what_is_found_late_is_told_late():
    looks = [["01 w a", "05 w e"], ["04 w d", "05 w e"], [DONE]]
    assert await followed(looks, 2) == ["a", "e", "d", "Job completed successfully."]


async def test_a_log_without_its_last_line_ends_when_it_is_quiet():
    assert await followed([["01 w a"], ["01 w a"], ["02 w b"], ["02 w b"]], 1, quiet=0.003) == ["a", "b"]


async def test_each_look_goes_back_a_little():
    reader, logging = logs([["10 w a"], ["10 w a", DONE]], quiet=1.0)

    async def is_final() -> bool:
        return True

    _ = [found async for found in reader.follow(JobLog("7"), is_final)]
    first, second = logging.filters[:2]
    assert first == 'resource.type="ml_job" AND resource.labels.job_id="7"'
    assert second.removeprefix(first) == ' AND timestamp>="2026-01-01T00:00:05.123456Z"'
