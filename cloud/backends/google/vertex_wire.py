"""Conversion between ML Engine's terms and Vertex AI's messages. Pure.

Schemas: discovery document ``aiplatform.v1``. Environment and roles of worker pools:
https://cloud.google.com/vertex-ai/docs/training/distributed-training.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloud.backends.google.service import without_mark
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import DEFAULT_MAX_RUNNING_TIME, Job, Json, ScaleTier, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity
from cloud.wire import own_images
from cloud.wire.ml_v1 import duration, job_spec, moment, seconds, training_input

Machine = tuple[str, str]
"""Machine type, and the type of its one accelerator or ""."""
_PLAIN: Machine = ("n1-standard-4", "")
_CLUSTERS: Mapping[ScaleTier, Sequence[tuple[Machine, int]]] = {
    ScaleTier.BASIC: [(_PLAIN, 1)],
    # BASIC_GPU's K80 no longer exists; n1-highcpu-8, of STANDARD_1, is not available for training.
    ScaleTier.BASIC_GPU: [(("n1-standard-8", "NVIDIA_TESLA_T4"), 1)],
    ScaleTier.STANDARD_1: [(("n1-highcpu-16", ""), 1), (("n1-highcpu-16", ""), 4), (_PLAIN, 3)],
    ScaleTier.PREMIUM_1: [(("n1-highcpu-16", ""), 1), (("n1-highcpu-16", ""), 19), (("n1-highmem-8", ""), 11)],
}
_STATES: Mapping[str, JobState] = {
    "QUEUED": JobState.QUEUED,
    "PENDING": JobState.PREPARING,
    "RUNNING": JobState.RUNNING,
    "SUCCEEDED": JobState.SUCCEEDED,
    "FAILED": JobState.FAILED,
    "CANCELLING": JobState.CANCELLING,
    "CANCELLED": JobState.CANCELLED,
    # Both continue: they may be resumed, or return to RUNNING.
    "PAUSED": JobState.RUNNING,
    "UPDATING": JobState.RUNNING,
    # Both are final.
    "EXPIRED": JobState.FAILED,
    "PARTIALLY_SUCCEEDED": JobState.FAILED,
}
_ROLES = ("master", "worker", "ps", "evaluator")
_REPLICA = re.compile(r"\bworkerpool([0-3])-(\d+)\b")
_WHERE = re.compile(r"\s*To find out more about why your job exited please check the logs: \S+")
_TRAINING_INPUT = "CLOUD_ML_JOB"
"""The variable that holds a job's ``TrainingInput`` on ML Engine, in snake case; jobs are parsed from it here."""
_OWN_VARIABLES = frozenset({"CLOUD_ML_JOB_ID", _TRAINING_INPUT, "TF_CONFIG"})
_TENSORFLOW_LINE = re.compile(r"[IWEF]\d{4} \d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] ")
_TAIL = 40
_ERRORS = (Severity.ERROR, Severity.CRITICAL)


def cluster(spec: TrainingSpec) -> list[tuple[Machine, int]]:
    """Machine and number of replicas of each worker pool; a pool without replicas is kept if another follows.

    Raises:
        InvalidArgument: the scale tier has no equivalent on Vertex AI.
    """
    if spec.scale_tier is ScaleTier.CUSTOM:
        counts = (1, spec.worker_count, spec.parameter_server_count, spec.evaluator_count)
        pools = [(_PLAIN, count) for count in counts]
        while not pools[-1][1]:
            pools.pop()
        return pools
    if spec.scale_tier not in _CLUSTERS:
        raise InvalidArgument(
            f"{spec.scale_tier.value} cannot be mapped to Vertex AI: use {', '.join(_CLUSTERS)} or CUSTOM",
            field="training_input.scale_tier",
        )
    return list(_CLUSTERS[spec.scale_tier])


def custom_job(
    spec: TrainingSpec, *, image: str, is_own: bool = False, service_account: str | None, labels: Mapping[str, str]
) -> dict[str, Json]:
    """The ``CustomJob`` of a job, with the ``--job-dir`` and the variables that ML Engine added itself.

    Args:
        image: one of Google's prebuilt ones, or, if ``is_own``, one built from docker/training.Dockerfile.

    Raises:
        InvalidArgument: see ``cluster``; or its pools run different programs.
    """
    if spec.programs:
        raise InvalidArgument("here all pools of a job run the same program", field="job.programs")
    if spec.reduction_servers:
        raise InvalidArgument("here no pool of a job is of Reduction Server", field="job.reduction_servers")
    pools = cluster(spec)
    args = [*spec.args, "--job-dir", str(spec.job_dir)] if spec.job_dir else list(spec.args)
    program = _container(spec, image, args) if is_own else _package(spec, image, args)
    program["env"] = _environment(spec, is_single=sum(count for _, count in pools) == 1)
    kind = "containerSpec" if is_own else "pythonPackageSpec"
    given: dict[str, Json] = {
        "workerPoolSpecs": [
            {"machineSpec": _machine(machine), "replicaCount": str(count), kind: program} if count else {}
            for machine, count in pools
        ],
        "scheduling": {"timeout": duration(spec.max_running_time)},
    }
    for name in ("restart_job_on_worker_restart", "disable_retries"):
        if getattr(spec, name):
            given["scheduling"][_camel(name)] = True
    if folder := spec.base_output_directory or spec.job_dir:
        given["baseOutputDirectory"] = {"outputUriPrefix": str(folder)}
    if service_account:
        given["serviceAccount"] = service_account
    return {"displayName": spec.job_id, "jobSpec": given, "labels": dict(labels)}


def is_ours(item: Json) -> bool:
    """Whether a ``CustomJob`` was created from ``custom_job``."""
    return _TRAINING_INPUT in _variables(item)


def job(item: Json, tail: Sequence[LogEntry] = ()) -> Job:
    """The job of a ``CustomJob``.

    Args:
        tail: the end of its log, if it failed: Vertex AI's message lacks the trainer's last output.
    """
    variables = _variables(item)
    given = {_camel(name): value for name, value in json.loads(variables[_TRAINING_INPUT]).items()}
    body = {"jobId": item["displayName"], "labels": without_mark(item.get("labels", {})), "trainingInput": given}
    limit = item["jobSpec"].get("scheduling", {}).get("timeout")
    made, folder = job_spec(body), item["jobSpec"].get("baseOutputDirectory", {}).get("outputUriPrefix", "")
    spec = replace(
        made,
        base_output_directory=GsUri.parse(folder) if folder and folder != str(made.job_dir) else None,
        max_running_time=seconds(limit) if limit else DEFAULT_MAX_RUNNING_TIME,
        env={name: value for name, value in variables.items() if name not in _OWN_VARIABLES},
    )
    return Job(
        spec=spec,
        state=state_of(item),
        create_time=datetime.fromisoformat(item["createTime"]),
        start_time=moment(item.get("startTime")),
        end_time=end_time(item),
        error_message=reason(item, tail),
    )


def state_of(item: Json) -> JobState:
    """The state of a job of any kind."""
    return _STATES.get(_word(item), JobState.QUEUED)


def _word(item: Json) -> str:
    return str(item.get("state", "")).removeprefix("JOB_STATE_")


def end_time(item: Json) -> datetime | None:
    """When a job of any kind ended."""
    return moment(item.get("endTime") or (item.get("updateTime") if state_of(item).is_final else None))


def wants_tail(item: Json) -> bool:
    """Whether the reason of a job's failure is only in its log."""
    message = item.get("error", {}).get("message", "")
    return item.get("state") == "JOB_STATE_FAILED" and bool(_REPLICA.search(message)) and "Traceback" not in message


def to_workflow(entry: LogEntry, number: str, job_id: str) -> LogEntry:
    """A log entry in the workflow's terms: ``workerpool0-0`` is ``master-replica-0``, the job is named by its id."""
    task = _REPLICA.fullmatch(entry.task_name)
    if task:
        return replace(entry, task_name=f"{_ROLES[int(task[1])]}-replica-{task[2]}")
    return replace(entry, message=_with_roles(entry.message.replace(number, job_id)))


def _with_roles(text: str) -> str:
    return _REPLICA.sub(lambda match: f"{_ROLES[int(match[1])]} {match[2]}", text)


def reason(item: Json, tail: Sequence[LogEntry]) -> str:
    """Why a job of any kind failed or was cancelled; see ``job``."""
    word, state, message = _word(item), state_of(item), item.get("error", {}).get("message", "")
    if state is JobState.CANCELLED:
        return str(message) if "cancel" in message.lower() or not message else f"The job was cancelled: {message}"
    if state is not JobState.FAILED:
        return ""
    if word != "FAILED":
        return f"Vertex AI ended the job as {word}. {message}".strip()
    cause, output = _with_roles(_WHERE.sub("", message)), _last_output(message, tail)
    return cause if output in cause else f"{cause}\n{output}"


def _last_output(message: str, tail: Sequence[LogEntry]) -> str:
    """The last output of the failed replica: its traceback, or its last line that is not TensorFlow's."""
    failed = _REPLICA.search(message)
    if not failed:
        return ""
    task = f"{_ROLES[int(failed[1])]}-replica-{failed[2]}"
    lines = [
        entry.message
        for entry in tail
        if entry.task_name == task and entry.severity in _ERRORS and not _TENSORFLOW_LINE.match(entry.message)
    ]
    tracebacks = [index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return "\n".join(lines[tracebacks[-1] :][-_TAIL:] if tracebacks else lines[-1:])


def _environment(spec: TrainingSpec, *, is_single: bool) -> list[dict[str, str]]:
    given = {_snake(name): value for name, value in training_input(spec).items() if name != "scheduling"}
    variables = {**spec.env, "CLOUD_ML_JOB_ID": spec.job_id, _TRAINING_INPUT: json.dumps(given)}
    if is_single:
        # With several replicas Vertex AI sets it.
        config = {
            "cluster": {"chief": ["127.0.0.1:2222"]},
            "task": {"type": "chief", "index": 0},
            "job": given,
            "environment": "cloud",
        }
        variables["TF_CONFIG"] = json.dumps(config)
    return [{"name": name, "value": value} for name, value in variables.items()]


def _package(spec: TrainingSpec, image: str, args: list[str]) -> dict[str, Json]:
    program: dict[str, Json] = {
        "executorImageUri": image,
        "packageUris": [str(uri) for uri in spec.package_uris],
        "pythonModule": spec.python_module,
    }
    return program | ({"args": args} if args else {})


def _container(spec: TrainingSpec, image: str, args: list[str]) -> dict[str, Json]:
    packages = [word for uri in spec.package_uris for word in ("--package", str(uri))]
    command = ["python3", "-m", own_images.TRAINING]
    return {"imageUri": image, "command": command, "args": [*packages, "--module", spec.python_module, "--", *args]}


def _machine(machine: Machine) -> dict[str, Json]:
    kind, accelerator = machine
    return {"machineType": kind} | ({"acceleratorType": accelerator, "acceleratorCount": 1} if accelerator else {})


def _variables(item: Json) -> dict[str, str]:
    pools = item.get("jobSpec", {}).get("workerPoolSpecs", [])
    pool = pools[0] if pools else {}
    program = pool.get("pythonPackageSpec") or pool.get("containerSpec", {})
    return {variable["name"]: variable.get("value", "") for variable in program.get("env", ())}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()
