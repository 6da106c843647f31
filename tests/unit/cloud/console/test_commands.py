"""Whose requests are whose, by what clients say of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.console.commands import command_of, grouped
from cloud.emulator.recorder import RecordedCall

GCLOUD = "google-cloud-sdk gcloud/528.0.0 command/gcloud.ai-platform.jobs.list invocation-id/{} environment/None"
GSUTIL = (
    "apitools Python/3.12.8 gsutil/5.34 (linux) analytics/disabled interactive/False command/ls google-cloud-sdk/528"
)


def call(agent: str = "", time: float = 0.0, job_id: str = "", caller: str = "me@x") -> RecordedCall:
    return RecordedCall(1, time, "GET", "h", "/", agent, job_id, caller=caller)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (GCLOUD.format("a1"), "gcloud ai-platform jobs list"),
        (GSUTIL, "gsutil ls"),
        ("gcloud-python/3.1.0 gl-python/3.11.9 grpc/1.70", "gcloud-python/3.1.0"),
        ("google-api-python-client/2.190.0 (gzip)", "google-api-python-client/2.190.0"),
        ("", "?"),
    ],
)
def test_the_command_of_a_client(agent: str, name: str) -> None:
    assert command_of(call(agent)).name == name


def test_a_job_is_its_own_command_whatever_its_programs_say() -> None:
    command = command_of(call(GSUTIL, job_id="mine"))
    assert (command.name, command.is_job) == ("mine", True)


def test_two_runs_of_one_command_are_two_groups() -> None:
    first, second = GCLOUD.format("a1"), GCLOUD.format("b2")
    calls = [call(first, 0.0), call(second, 0.1), call(first, 0.2), call(second, 0.3)]
    assert [[each.time for each in group.calls] for group in grouped(calls)] == [[0.3, 0.1], [0.2, 0.0]]


def test_a_client_that_does_not_tell_is_another_group_after_a_pause() -> None:
    calls = [call("curl/8", time) for time in (0.0, 4.0, 12.0)]
    assert [[each.time for each in group.calls] for group in grouped(calls)] == [[12.0], [4.0, 0.0]]


_AGENTS = st.sampled_from([GCLOUD.format("a"), GCLOUD.format("b"), GSUTIL, "curl/8"])


@given(st.lists(st.builds(call, _AGENTS, st.floats(0, 100), st.sampled_from(["", "j"])), max_size=30))
def test_each_request_is_in_one_group_and_the_latest_come_first(calls: list[RecordedCall]) -> None:
    groups = grouped(calls)
    assert sorted(map(id, calls)) == sorted(id(each) for group in groups for each in group.calls)
    assert all(command_of(each) == group.command for group in groups for each in group.calls)
    times = [group.last.time for group in groups]
    assert times == sorted(times, reverse=True)
