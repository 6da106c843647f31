import json

import pytest

from trainer.cluster import Cluster, parse_cluster

STANDARD_1 = {
    "master": ["127.0.0.1:1"],
    "worker": [f"127.0.0.1:{port}" for port in range(2, 6)],
    "ps": ["127.0.0.1:6", "127.0.0.1:7", "127.0.0.1:8"],
}


def cluster(hosts: dict[str, list[str]], kind: str, index: int = 0, **more: object) -> Cluster:
    return parse_cluster(json.dumps({"cluster": hosts, "task": {"type": kind, "index": index}, **more}))


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{}",
        '{"job": {"job_name": "trainer.task", "args": []}, "task": {}, "cluster": {}, "environment": "cloud"}',
        '{"cluster": {"master": ["127.0.0.1:2222"]}, "task": {"type": "master", "index": 0}}',
        '{"cluster": {"chief": ["127.0.0.1:2222"]}, "task": {"type": "chief", "index": 0, "trial": "1"}}',
    ],
)
def test_a_single_replica_is_the_chief_and_trains_alone(config: str) -> None:
    found = parse_cluster(config)
    assert (found.is_chief, found.size, found.position, found.has_evaluator) == (True, 1, 0, False)
    assert found.share_of(512) == 512


def test_the_master_is_the_chief_and_the_workers_follow_it() -> None:
    found = [cluster(STANDARD_1, "master"), *(cluster(STANDARD_1, "worker", index) for index in range(4))]
    assert [each.position for each in found] == [0, 1, 2, 3, 4]
    assert {each.trainers for each in found} == {tuple(f"127.0.0.1:{port}" for port in range(1, 6))}
    assert [each.role for each in found] == ["chief", "worker", "worker", "worker", "worker"]
    assert found[0].name == "master 0"
    assert not any(each.has_evaluator for each in found)


@pytest.mark.parametrize("count", [5, 7, 512])
def test_the_shares_of_a_step_are_the_step(count: int) -> None:
    found = [cluster(STANDARD_1, "master"), *(cluster(STANDARD_1, "worker", index) for index in range(4))]
    shares = [each.share_of(count) for each in found]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1


def test_without_a_chief_the_first_worker_is_it() -> None:
    hosts = {"worker": ["a:1", "b:1"]}
    assert cluster(hosts, "worker", 0).is_chief
    assert (cluster(hosts, "worker", 1).role, cluster(hosts, "worker", 1).position) == ("worker", 1)


@pytest.mark.parametrize(
    "job",
    [
        {"evaluator_count": "1"},
        {"worker_pool_specs": [{"replica_count": "1"}, {}, {}, {"replica_count": "1"}]},
        {"worker_pool_specs": [{"replica_count": "1"}, {}, {}, {"machine_spec": {}}]},
    ],
)
def test_the_job_says_that_there_is_an_evaluator(job: object) -> None:
    hosts = {"chief": ["a:1"], "worker": ["b:1"]}
    assert cluster(hosts, "chief", job=job).has_evaluator
    assert not cluster(hosts, "chief", job={"worker_pool_specs": [{"replica_count": "1"}]}).has_evaluator
    found = cluster(hosts, "evaluator")
    assert (found.role, found.trainers) == ("evaluator", ("a:1", "b:1"))


@pytest.mark.parametrize("config", ["{", "[]", '"x"', '{"cluster": 5}', '{"task": [1]}', '{"cluster": {"chief": 5}}'])
def test_text_of_another_form_is_an_error(config: str) -> None:
    with pytest.raises(ValueError, match="TF_CONFIG is not the JSON object"):
        parse_cluster(config)


@pytest.mark.parametrize(
    ("hosts", "kind", "index", "message"),
    [
        (STANDARD_1, "driver", 0, "driver 0: known are chief, master, worker"),
        (STANDARD_1, "worker", 4, "worker 4, and its cluster has 4 of that type"),
        (STANDARD_1, "ps", -1, "ps -1"),
        ({"chief": ["a:1", "b:1"]}, "chief", 0, "2 chiefs: a:1, b:1"),
        ({"ps": ["a:1"]}, "ps", 0, "ps 0, and its cluster has no chief"),
        ({}, "evaluator", 0, "no chief"),
        ({"chief": ["a:1"], "worker": ["b"]}, "chief", 0, "not HOST:PORT: 'b'"),
    ],
)
def test_a_cluster_that_cannot_be_is_an_error(hosts: dict[str, list[str]], kind: str, index: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster(hosts, kind, index)
