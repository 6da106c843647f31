"""``gcloud ai custom-jobs`` and ``hp-tuning-jobs``."""

import argparse
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import ml_jobs
from cloud.stand_ins.gcloud.commands import comma_dict, comma_list, command, flag
from cloud.stand_ins.gcloud.configs import read_config
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.gcloud.vertex import REGION, Region, region_of

_JOB = flag("JOB")
_LISTED = "table(name, displayName, state)"
_WATCH = """\
{kind} [{name}] is submitted successfully.

Your job is still active. You may view the status of your job with the command

  $ gcloud ai {group} describe {name}

or continue streaming the logs with the command

  $ gcloud ai {group} stream-logs {name}"""


@command(
    "ai custom-jobs create",
    REGION,
    flag("--display-name", required=True),
    flag("--worker-pool-spec", action="append", type=comma_dict),
    flag("--config"),
    flag("--python-package-uris", type=comma_list),
    flag("--args", type=comma_list),
    flag("--command", type=comma_list),
    flag("--env-vars", type=comma_dict),
    flag("--labels", type=comma_dict),
    flag("--service-account"),
    shows="none",
)
def create(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, flags.region)
    spec = read_config(flags.config)
    spec = spec.get("jobSpec", spec)
    if flags.worker_pool_spec:
        spec["workerPoolSpecs"] = [_pool(each, flags) for each in flags.worker_pool_spec]
    if not spec.get("workerPoolSpecs"):
        raise Failure("At least one of --config or --worker-pool-spec must be specified.", status=2)
    if flags.service_account:
        spec["serviceAccount"] = flags.service_account
    body = {"displayName": flags.display_name, "jobSpec": spec} | ({"labels": flags.labels} if flags.labels else {})
    found = region.call("POST", region.path("customJobs"), body)
    run.say(_WATCH.format(kind="CustomJob", name=found["name"], group="custom-jobs"))
    return found if flags.format else None


def _pool(given: dict[str, str], flags: argparse.Namespace) -> dict[str, Any]:
    """Keys of a worker pool: https://cloud.google.com/sdk/gcloud/reference/ai/custom-jobs/create."""
    if "local-package-path" in given or "script" in given:
        raise Failure(
            "local-package-path makes an image by Docker, which an offline cloud does not have: upload the package and "
            "give --python-package-uris and python-module"
        )
    pool: dict[str, Any] = {
        "machineSpec": {"machineType": given.get("machine-type", "n1-standard-4")},
        "replicaCount": given.get("replica-count", "1"),
    }
    if "accelerator-type" in given:
        pool["machineSpec"] |= {
            "acceleratorType": given["accelerator-type"].upper().replace("-", "_"),
            "acceleratorCount": int(given.get("accelerator-count", "1")),
        }
    env = [{"name": name, "value": value} for name, value in (flags.env_vars or {}).items()]
    if "python-module" in given:
        package = {
            "executorImageUri": given.get("executor-image-uri") or given.get("container-image-uri"),
            "packageUris": flags.python_package_uris,
            "pythonModule": given["python-module"],
            "args": flags.args,
            "env": env,
        }
        pool["pythonPackageSpec"] = {name: value for name, value in package.items() if value}
        return pool
    container = {
        "imageUri": given.get("container-image-uri"),
        "command": flags.command,
        "args": flags.args,
        "env": env,
    }
    pool["containerSpec"] = {name: value for name, value in container.items() if value}
    return pool


@command(
    "ai hp-tuning-jobs create",
    REGION,
    flag("--display-name", required=True),
    flag("--config", required=True),
    flag("--max-trial-count", type=int, default=1),
    flag("--parallel-trial-count", type=int, default=1),
    flag("--algorithm"),
    flag("--labels", type=comma_dict),
    flag("--service-account"),
    shows="none",
)
def create_tuning(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, flags.region)
    body = read_config(flags.config)
    body |= {
        "displayName": flags.display_name,
        "maxTrialCount": flags.max_trial_count,
        "parallelTrialCount": flags.parallel_trial_count,
    }
    if flags.algorithm:
        body.setdefault("studySpec", {})["algorithm"] = flags.algorithm.upper().replace("-", "_")
    if flags.labels:
        body["labels"] = flags.labels
    found = region.call("POST", region.path("hyperparameterTuningJobs"), body)
    name = found["name"].rpartition("/")[2]
    run.say(
        _WATCH.format(kind="Hyperparameter tuning job", name=name, group="hp-tuning-jobs").replace(
            "is submitted", "submitted"
        )
    )
    return found if flags.format else None


def _declare(group: str, collection: str) -> None:
    @command(f"ai {group} list", REGION, shows="yaml", lists=True)
    def _list(run: Invocation, flags: argparse.Namespace) -> list[Any]:
        return Region(run, flags.region).list_all(collection)

    @command(f"ai {group} describe", _JOB, REGION)
    def _describe(run: Invocation, flags: argparse.Namespace) -> Any:
        region = Region(run, region_of(flags, flags.JOB))
        return region.call("GET", region.path(collection, flags.JOB))

    @command(f"ai {group} cancel", _JOB, REGION, shows="none")
    def _cancel(run: Invocation, flags: argparse.Namespace) -> None:
        region = Region(run, region_of(flags, flags.JOB))
        region.call("POST", f"{region.path(collection, flags.JOB)}:cancel", {})
        run.say(f"Request to cancel {_kind(collection)} [{flags.JOB}] has been sent")

    @command(f"ai {group} stream-logs", _JOB, REGION, flag("--polling-interval", type=float), shows="none")
    def _stream(run: Invocation, flags: argparse.Namespace) -> None:
        region = Region(run, region_of(flags, flags.JOB))
        path = region.path(collection, flags.JOB)

        def is_ended() -> bool:
            return "endTime" in region.call("GET", path)

        job = flags.JOB.rpartition("/")[2]
        ml_jobs.follow_entries(run, ml_jobs.VERTEX.format(job=job), is_ended, flags.polling_interval)


def _kind(collection: str) -> str:
    return "CustomJob" if collection == "customJobs" else "hyperparameter tuning job"


_declare("custom-jobs", "customJobs")
_declare("hp-tuning-jobs", "hyperparameterTuningJobs")
