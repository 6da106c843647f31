"""Which replica of a job this process is, from the variable TF_CONFIG that training services set.

Its form is TensorFlow's (`tf.distribute.cluster_resolver.TFConfigClusterResolver`). What services add under `job` says
whether there is an evaluator, which is no part of a cluster.
"""

import json
from dataclasses import dataclass
from typing import Any

CHIEF, WORKER, PS, EVALUATOR = "chief", "worker", "ps", "evaluator"


@dataclass(frozen=True)
class Cluster:
    """The replicas of a job as one of them sees them.

    `role` is CHIEF, WORKER, PS or EVALUATOR, `index` counts within it; `name` is for logs, with the role's name in
    TF_CONFIG. `trainers` are the addresses of those that train, the chief's first; empty for a single replica.
    """

    role: str = CHIEF
    index: int = 0
    name: str = "chief 0"
    trainers: tuple[str, ...] = ()
    has_evaluator: bool = False

    @property
    def is_chief(self) -> bool:
        return self.role == CHIEF

    @property
    def size(self) -> int:
        """How many replicas train."""
        return max(len(self.trainers), 1)

    @property
    def position(self) -> int:
        """Of this replica among those that train; the chief's is 0."""
        return 0 if self.is_chief else self.index + 1

    def share_of(self, count: int) -> int:
        """How many of `count` rows of a step this replica trains on: together they train on each once."""
        return count // self.size + (self.position < count % self.size)


def parse_cluster(tf_config: str) -> Cluster:
    """Return what TF_CONFIG (empty: none, a single replica) says.

    Raises ValueError, with a message of one line, for text that is not of its form.
    """
    try:
        config = json.loads(tf_config or "{}")
        cluster = {role: [str(host) for host in hosts] for role, hosts in (config.get("cluster") or {}).items()}
        task = config.get("task") or {}
        kind, index = str(task.get("type") or CHIEF), int(task.get("index") or 0)
        has_evaluator = kind == EVALUATOR or EVALUATOR in cluster or _evaluators(config.get("job") or {}) > 0
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"TF_CONFIG is not the JSON object a training service gives: {error}") from error
    chiefs = cluster.get(CHIEF, []) + cluster.get("master", [])
    workers = cluster.get(WORKER, [])
    name = f"{kind} {index}"
    known = {CHIEF: chiefs, "master": chiefs, WORKER: workers, PS: cluster.get(PS, []), EVALUATOR: None}
    if kind not in known:
        raise ValueError(f"TF_CONFIG makes this process {name}: known are {', '.join(known)}")
    hosts = known[kind]
    if hosts is not None and cluster and not 0 <= index < len(hosts):
        raise ValueError(f"TF_CONFIG makes this process {name}, and its cluster has {len(hosts)} of that type")
    if len(chiefs) > 1:
        raise ValueError(f"TF_CONFIG has {len(chiefs)} chiefs: {', '.join(chiefs)}")
    role = CHIEF if kind == "master" else kind
    if not chiefs and workers:  # TensorFlow's rule: the first worker is the chief
        chiefs, workers = workers[:1], workers[1:]
        if role == WORKER:
            role, index = (CHIEF, 0) if index == 0 else (WORKER, index - 1)
    trainers = (*chiefs, *workers)
    if not trainers and role != CHIEF:
        raise ValueError(f"TF_CONFIG makes this process {name}, and its cluster has no chief")
    for host in trainers:
        if not host.rpartition(":")[2].isdecimal():
            raise ValueError(f"TF_CONFIG has an address that is not HOST:PORT: {host!r}")
    return Cluster(role, index, name, trainers, has_evaluator)


def _evaluators(job: dict[str, Any]) -> int:
    """How many a job has: ML Engine says it in `evaluator_count`, Vertex AI by the fourth worker pool."""
    pools = job.get("worker_pool_specs") or []
    pool = pools[3] if len(pools) > 3 else None
    return int(job.get("evaluator_count") or 0) or (int(pool.get("replica_count") or 1) if pool else 0)
