"""``gcloud ai-platform jobs submit``: packages, uploads and creates the job (ml_engine_v1.md, 9.4)."""

import argparse
import sys
from pathlib import Path
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import ml, ml_jobs
from cloud.stand_ins.gcloud.commands import comma_dict, comma_list, command, flag, lower, switch
from cloud.stand_ins.gcloud.configs import read_config
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.urls import Url, parse

_JOB = flag("JOB", nargs="?", required=True)
_TIERS = ("basic", "basic-gpu", "basic-tpu", "custom", "premium-1", "standard-1")
_NO_PLACE = "If local packages are provided, the `--staging-bucket` or `--job-dir` flag must be given."
_WATCH = """\
Your job is still active. You may view the status of your job with the command

  $ gcloud ai-platform jobs describe {job}

or continue streaming the logs with the command

  $ gcloud ai-platform jobs stream-logs {job}"""
_MACHINES = {
    "master_machine_type": "masterType",
    "worker_machine_type": "workerType",
    "parameter_server_machine_type": "parameterServerType",
    "worker_count": "workerCount",
    "parameter_server_count": "parameterServerCount",
}
_CONTAINERS = ("master", "worker", "parameter_server")
_SHOWN = ("endTime", "jobId", "startTime", "state")


@command(
    "ai-platform jobs submit training",
    _JOB,
    ml.REGION,
    flag("--module-name"),
    flag("--package-path"),
    flag("--packages", type=comma_list),
    flag("--job-dir"),
    flag("--staging-bucket"),
    flag("--scale-tier", type=lower(_TIERS)),
    flag("--runtime-version"),
    flag("--python-version"),
    flag("--config"),
    flag("--labels", type=comma_dict),
    flag("--service-account"),
    flag("--master-machine-type"),
    flag("--worker-machine-type"),
    flag("--parameter-server-machine-type"),
    flag("--worker-count", "--worker-server-count", type=int),
    flag("--parameter-server-count", type=int),
    flag("--master-accelerator", type=comma_dict),
    flag("--worker-accelerator", type=comma_dict),
    flag("--parameter-server-accelerator", type=comma_dict),
    flag("--master-image-uri"),
    flag("--worker-image-uri"),
    flag("--parameter-server-image-uri"),
    flag("--use-chief-in-tf-config"),
    switch("--enable-web-access"),
    flag("--stream-logs", action="store_true"),
    flag("--async", action="store_true", dest="is_async"),
    takes_rest=True,
)
def submit_training(run: Invocation, flags: argparse.Namespace) -> Any:
    body = read_config(flags.config)
    found: dict[str, Any] = dict(body.get("trainingInput", {}))
    region = flags.region or found.get("region") or run.configuration.get("compute/region")
    if not region:
        raise Failure("argument --region: Must be specified.", status=2)
    uris = _packages(run, flags)
    given = {
        "region": region,
        "jobDir": flags.job_dir,
        "packageUris": uris,
        "pythonModule": flags.module_name,
        "runtimeVersion": flags.runtime_version,
        "pythonVersion": flags.python_version,
        "scaleTier": flags.scale_tier and flags.scale_tier.upper().replace("-", "_"),
        "serviceAccount": flags.service_account,
        "args": run.rest,
        "useChiefInTfConfig": flags.use_chief_in_tf_config and flags.use_chief_in_tf_config.lower() == "true",
        "enableWebAccess": flags.enable_web_access,
    }
    given |= {name: getattr(flags, option) for option, name in _MACHINES.items()}
    found |= {
        name: str(value) if isinstance(value, int) and value is not True else value
        for name, value in given.items()
        if value
    }
    for role in _CONTAINERS:
        _add_container(found, flags, role)
    if not found.get("packageUris") and not found.get("masterConfig", {}).get("imageUri"):
        raise Failure("Non-custom jobs must have packages.")
    body |= {"jobId": flags.JOB, "trainingInput": found}
    if flags.labels:
        body["labels"] = flags.labels
    return _submit(run, flags, body)


def _add_container(found: dict[str, Any], flags: argparse.Namespace, role: str) -> None:
    image, accelerator = getattr(flags, f"{role}_image_uri"), getattr(flags, f"{role}_accelerator")
    name = {"master": "masterConfig", "worker": "workerConfig", "parameter_server": "parameterServerConfig"}[role]
    if image:
        found.setdefault(name, {})["imageUri"] = image
    if accelerator:
        kind = accelerator.get("type", "").upper().replace("-", "_")
        found.setdefault(name, {})["acceleratorConfig"] = {"type": kind, "count": accelerator.get("count", "1")}


@command(
    "ai-platform jobs submit prediction",
    _JOB,
    flag("--region", required=True),
    flag("--data-format", required=True, type=lower(("text", "tf-record", "tf-record-gzip"))),
    flag("--input-paths", required=True, type=comma_list),
    flag("--output-path", required=True),
    flag("--model"),
    flag("--model-dir"),
    flag("--version"),
    flag("--runtime-version"),
    flag("--batch-size", type=int),
    flag("--max-worker-count", type=int),
    flag("--signature-name"),
    flag("--labels", type=comma_dict),
    flag("--accelerator-type"),
    flag("--accelerator-count"),
    flag("--stream-logs", action="store_true"),
    flag("--async", action="store_true", dest="is_async"),
)
def submit_prediction(run: Invocation, flags: argparse.Namespace) -> Any:
    if (flags.model is None) == (flags.model_dir is None):
        raise Failure("Exactly one of (--model | --model-dir) must be specified.", status=2)
    model = f"projects/{run.project}/models/{flags.model}" if flags.model else None
    given = {
        "dataFormat": flags.data_format.upper().replace("-", "_"),
        "inputPaths": flags.input_paths,
        "outputPath": flags.output_path,
        "region": flags.region,
        "modelName": model if not flags.version else None,
        "versionName": f"{model}/versions/{flags.version}" if flags.version else None,
        "uri": flags.model_dir,
        "runtimeVersion": flags.runtime_version,
        "batchSize": flags.batch_size and str(flags.batch_size),
        "maxWorkerCount": flags.max_worker_count and str(flags.max_worker_count),
        "signatureName": flags.signature_name,
    }
    body: dict[str, Any] = {"jobId": flags.JOB, "predictionInput": {k: v for k, v in given.items() if v}}
    if flags.labels:
        body["labels"] = flags.labels
    return _submit(run, flags, body)


def _submit(run: Invocation, flags: argparse.Namespace, body: dict[str, Any]) -> Any:
    job = run.call("POST", ml.HOST, f"{ml.project_path(run)}/jobs", None, body)
    run.say(f"Job [{flags.JOB}] submitted successfully.")
    status = 0
    if flags.stream_logs:
        ml_jobs.follow(run, flags.JOB, sys.stderr)
        job = ml_jobs.get(run, flags.JOB)
        status = 0 if job["state"] == "SUCCEEDED" else 1
    else:
        run.say(_WATCH.format(job=flags.JOB))
    shown = {name: job[name] for name in _SHOWN if name in job}
    for name in ("startTime", "endTime"):
        if name in shown:
            from cloud.stand_ins.output.keys import TRANSFORMS

            shown[name] = TRANSFORMS["date"](shown[name], tz="LOCAL")
    return (job if flags.format else shown), status


# ---------------------------------------------------------------- packages


def _packages(run: Invocation, flags: argparse.Namespace) -> list[str]:
    given = [each for each in flags.packages or () if each.startswith("gs://")]
    local = [Path(each).expanduser() for each in flags.packages or () if not each.startswith("gs://")]
    if not local and not flags.package_path:
        return given
    if flags.package_path:
        _check_package(Path(flags.package_path).expanduser())
    target = _staging(flags)
    if missing := [path for path in local if not path.is_file()]:
        raise Failure(f"Unable to read file [{missing[0]}]: [Errno 2] No such file or directory: '{missing[0]}'")
    if not flags.package_path:
        return given + _upload(run, local, target)
    import asyncio

    return given + asyncio.run(_build_and_upload(run, local, Path(flags.package_path).expanduser(), target))


def _check_package(path: Path) -> None:
    if not (path / "__init__.py").is_file():
        raise Failure(
            f"[{path.absolute()}] is not a valid Python package because it does not contain an         `__init__.py` "
            "file. Please create one and try again. Also, please         ensure that --package-path refers to a local "
            "directory.",
            details="\n",
        )


def _staging(flags: argparse.Namespace) -> Url:
    if flags.staging_bucket:
        text = flags.staging_bucket
        bucket = parse(text if text.startswith("gs://") else f"gs://{text}")
        return bucket.below(f"{bucket.name.rstrip('/')}/{flags.JOB}".lstrip("/"))
    if flags.job_dir:
        folder = parse(flags.job_dir)
        return folder.below(f"{folder.name.rstrip('/')}/packages".lstrip("/"))
    raise Failure(_NO_PLACE)


async def _build_and_upload(run: Invocation, local: list[Path], package: Path, target: Url) -> list[str]:
    from cloud.backends.packaging import sdist
    from cloud.errors import InvalidArgument

    try:
        async with sdist(package) as built:
            return _upload(run, [*local, built], target)
    except InvalidArgument as error:
        raise Failure(error.message) from None


def _upload(run: Invocation, files: list[Path], target: Url) -> list[str]:
    """Under the hash of all of them, as the SDK does."""
    from hashlib import sha256

    names = [path.name for path in files]
    if len(set(names)) < len(names):
        shown = ", ".join(sorted({name for name in names if names.count(name) > 1}))
        raise Failure(f"Cannot upload multiple packages with the same filename: [{shown}]")
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    uploaded = []
    for path in files:
        url = target.below(f"{target.name}/{digest.hexdigest()}/{path.name}")
        run.storage.upload(path, url)
        uploaded.append(str(url))
    return uploaded
