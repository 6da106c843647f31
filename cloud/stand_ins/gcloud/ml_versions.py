"""``gcloud ai-platform versions``."""

import argparse
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import ml, operations
from cloud.stand_ins.gcloud.commands import comma_dict, comma_list, command, flag, lower
from cloud.stand_ins.gcloud.configs import read_config
from cloud.stand_ins.gcloud.invocation import Invocation

_VERSION = flag("VERSION", nargs="?", required=True)
_MODEL = flag("--model", required=True)


@command(
    "ai-platform versions create",
    _VERSION,
    _MODEL,
    ml.REGION,
    flag("--origin"),
    flag("--runtime-version"),
    flag("--python-version"),
    flag("--framework", type=lower(ml.FRAMEWORKS)),
    flag("--machine-type"),
    flag("--staging-bucket"),
    flag("--config"),
    flag("--description"),
    flag("--labels", type=comma_dict),
    flag("--service-account"),
    flag("--package-uris", type=comma_list),
    flag("--prediction-class"),
    flag("--accelerator", type=comma_dict),
    flag("--async", action="store_true", dest="is_async"),
    shows="none",
)
def create(run: Invocation, flags: argparse.Namespace) -> Any:
    body = read_config(flags.config)
    origin = flags.origin or body.get("deploymentUri")
    host = ml.endpoint(run, flags.region)
    if not origin and not flags.package_uris:
        raise Failure(
            "Either `--origin` must be provided or `deploymentUri` must be provided in the file given by `--config`."
        )
    if origin:
        body["deploymentUri"] = origin if str(origin).startswith("gs://") else _upload(run, str(origin), flags)
    body["name"] = flags.VERSION
    given = {
        "runtimeVersion": flags.runtime_version,
        "pythonVersion": flags.python_version,
        "framework": flags.framework and flags.framework.upper().replace("-", "_"),
        "machineType": flags.machine_type,
        "description": flags.description,
        "labels": flags.labels,
        "serviceAccount": flags.service_account,
        "packageUris": flags.package_uris,
        "predictionClass": flags.prediction_class,
        "acceleratorConfig": flags.accelerator,
    }
    body |= {name: value for name, value in given.items() if value}
    operation = run.call("POST", host, _versions(run, flags), None, body)
    if flags.is_async:
        return operation
    operations.wait(run, host, operation, "Creating version (this might take a few minutes)")
    return None


def _upload(run: Invocation, origin: str, flags: argparse.Namespace) -> str:
    """A local model goes to the staging bucket, under the hash of its files."""
    from hashlib import sha256
    from pathlib import Path

    from cloud.stand_ins.urls import parse

    if not flags.staging_bucket:
        raise Failure("If --origin is provided as a local path, --staging-bucket must be given as well.")
    folder = Path(origin).expanduser()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not folder.is_dir() or not files:
        raise Failure(f"[{origin}] is not a valid directory with a model")
    digest = sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    bucket = parse(flags.staging_bucket).bucket
    above = f"{parse(flags.staging_bucket).name.strip('/')}/{digest.hexdigest()}".lstrip("/")
    for path in files:
        name = f"{above}/{path.relative_to(folder).as_posix()}"
        run.storage.upload(path, parse(f"gs://{bucket}/{name}"))
    return f"gs://{bucket}/{above}/"


@command(
    "ai-platform versions list",
    _MODEL,
    ml.REGION,
    shows="table(name.basename(), deploymentUri, state)",
    lists=True,
)
def list_versions(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    return run.pages(ml.endpoint(run, flags.region), _versions(run, flags), "versions")


@command("ai-platform versions describe", _VERSION, _MODEL, ml.REGION)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("GET", ml.endpoint(run, flags.region), _version(run, flags))


@command("ai-platform versions set-default", _VERSION, _MODEL, ml.REGION)
def set_default(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("POST", ml.endpoint(run, flags.region), f"{_version(run, flags)}:setDefault", None, {})


@command("ai-platform versions delete", _VERSION, _MODEL, ml.REGION, shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    host = ml.endpoint(run, flags.region)
    run.confirm(f"This will delete version [{flags.VERSION}]...")
    operation = run.call("DELETE", host, _version(run, flags))
    operations.wait(run, host, operation, f"Deleting version [{flags.VERSION}]")


def _versions(run: Invocation, flags: argparse.Namespace) -> str:
    return f"{ml.project_path(run)}/models/{escape(flags.model)}/versions"


def _version(run: Invocation, flags: argparse.Namespace) -> str:
    return f"{_versions(run, flags)}/{escape(flags.VERSION)}"
