from dataclasses import replace

import pytest

from cloud.engine.jobs.replicas import Replica, replicas
from cloud.engine.jobs.restarts import MOST_ATTEMPTS, MOST_RESTARTS, Restarts
from cloud.errors import Unavailable
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TrainingSpec

ML = TrainingSpec("one", (GsUri("bucket", "a.whl"),), "task", scale_tier=ScaleTier.CUSTOM, worker_count=2)
VERTEX = replace(ML, job_id="1", service=Service.VERTEX_AI)


def begin(spec: TrainingSpec) -> tuple[Restarts, list[Replica]]:
    members = replicas(spec)
    return Restarts(spec, members), members


@pytest.mark.parametrize("spec", [ML, VERTEX])
def test_a_preempted_worker_is_restarted_alone_with_its_address(spec: TrainingSpec) -> None:
    restarts, (_, _, second) = begin(spec)
    restart = restarts.after([second])
    assert restart.members == [second]
    assert restart.message == (
        f"The replica {second.display_name} was preempted. It is restarted with the same address."
    )


def test_all_replicas_are_restarted_where_the_job_asks_for_it() -> None:
    restarts, members = begin(replace(VERTEX, restart_job_on_worker_restart=True))
    restart = restarts.after([members[1]])
    assert restart.members == members
    assert restart.message == "The replica workerpool1-0 was preempted. All replicas are restarted."


def test_a_job_without_retries_fails() -> None:
    restarts, members = begin(replace(VERTEX, restart_job_on_worker_restart=True, disable_retries=True))
    with pytest.raises(Unavailable, match=r"workerpool1-0 was preempted\. The job is not retried: .*disableRetries"):
        restarts.after([members[1]])


def test_ml_engine_tries_the_master_three_times() -> None:
    restarts, (master, worker, _) = begin(ML)
    for attempt in range(2, MOST_ATTEMPTS + 1):
        restart = restarts.after([master])
        assert restart.members == [master]
        assert restart.message.startswith("Internal error occurred for the current attempt. The replica master 0 was")
        assert f"Attempt {attempt} of 3" in restart.message
    assert restarts.after([worker]).members == [worker]
    with pytest.raises(Unavailable, match=r"master 0 was preempted\. That was the last of 3 attempts"):
        restarts.after([master])


@pytest.mark.parametrize("spec", [ML, VERTEX])
def test_a_replica_that_is_lost_too_often_restarts_the_job_and_at_last_fails_it(spec: TrainingSpec) -> None:
    restarts, members = begin(spec)
    worker = members[1]
    for attempt in range(1, MOST_ATTEMPTS + 1):
        for _ in range(MOST_RESTARTS):
            assert restarts.after([worker]).members == [worker]
        if attempt < MOST_ATTEMPTS:
            assert restarts.after([worker]).members == members
    with pytest.raises(Unavailable, match="last of 3 attempts"):
        restarts.after([worker])
