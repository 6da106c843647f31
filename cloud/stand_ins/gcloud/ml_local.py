"""``gcloud ai-platform local``: train and predict with this machine's Python (ml_engine_v1.md, 9.2 and 9.3)."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import ml
from cloud.stand_ins.gcloud.commands import command, flag, lower
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.gcloud.ml_predict import INSTANCES, read_instances, shown

_IGNORED = "[{}] is ignored if --distributed is not provided.\nDid you mean to run distributed training?"
_COUNTS = (
    ("parameter_server_count", "--parameter-server-count"),
    ("worker_count", "--worker-count"),
    ("evaluator_count", "--evaluator-count"),
)


@command(
    "ai-platform local train",
    flag("--module-name", required=True),
    flag("--package-path"),
    flag("--job-dir"),
    flag("--distributed", action="store_true"),
    flag("--parameter-server-count", type=int),
    flag("--worker-count", type=int),
    flag("--evaluator-count", type=int),
    flag("--start-port", type=int, default=27182),
    takes_rest=True,
)
def train(run: Invocation, flags: argparse.Namespace) -> Any:
    package = Path(flags.package_path or os.getcwd()).expanduser().absolute()
    if flags.package_path and not (package / "__init__.py").is_file():
        raise Failure(
            f"[{package}] is not a valid Python package because it does not contain an         `__init__.py` file. "
            "Please create one and try again. Also, please         ensure that --package-path refers to a local "
            "directory.",
            details="\n",
        )
    arguments = [*(run.rest or ()), *(("--job-dir", flags.job_dir) if flags.job_dir else ())]
    argv = [_python(run), "-m", flags.module_name, *arguments]
    if flags.distributed:
        return None, _distributed(flags, argv, package.parent, arguments)
    for name, shown_name in _COUNTS:
        if getattr(flags, name) is not None:
            run.say("WARNING: " + _IGNORED.format(shown_name))
    config = {
        "job": {"job_name": flags.module_name, "args": arguments},
        "task": {},
        "cluster": {},
        "environment": "cloud",
    }
    return None, _status(subprocess.Popen(argv, cwd=package.parent, env=_environ(config)).wait())


def _distributed(flags: argparse.Namespace, argv: list[str], folder: Path, arguments: list[str]) -> int:
    servers = 2 if flags.parameter_server_count is None else flags.parameter_server_count
    workers = 2 if flags.worker_count is None else flags.worker_count
    counts = {"chief": 1, "ps": servers, "worker": workers}
    cluster: dict[str, list[str]] = {}
    port = flags.start_port
    for kind, count in counts.items():
        if count:
            cluster[kind] = [f"localhost:{port + index}" for index in range(count)]
            port += count

    def config(kind: str, index: int) -> dict[str, Any]:
        return {
            "job": {"job_name": flags.module_name, "args": arguments},
            "task": {"type": kind, "index": index},
            "cluster": cluster,
            "environment": "cloud",
        }

    others = [(kind, index) for kind, hosts in cluster.items() for index in range(len(hosts)) if kind != "chief"]
    others += [("evaluator", index) for index in range(flags.evaluator_count or 0)]
    started = [subprocess.Popen(argv, cwd=folder, env=_environ(config(*each))) for each in others]
    try:
        return _status(subprocess.Popen(argv, cwd=folder, env=_environ(config("chief", 0))).wait())
    finally:
        for process in started:
            process.kill()
            process.wait()


def _environ(config: dict[str, Any]) -> dict[str, str]:
    return {**os.environ, "TF_CONFIG": json.dumps(config)}


def _status(returned: int) -> int:
    return returned if returned >= 0 else 128 - returned


def _python(run: Invocation) -> str:
    """The learner's: what ``python`` is on PATH; else the one that runs this cloud."""
    return run.configuration.get("ml_engine/local_python") or shutil.which("python") or sys.executable


@command(
    "ai-platform local predict",
    flag("--model-dir", required=True),
    *INSTANCES,
    flag("--framework", type=lower(ml.FRAMEWORKS), default="tensorflow"),
    flag("--signature-name"),
)
def predict(run: Invocation, flags: argparse.Namespace) -> Any:
    instances = read_instances(flags)
    if flags.framework != "tensorflow":
        raise Failure(f"the stand-in of gcloud predicts with TensorFlow's models only, not {flags.framework}", status=2)
    argv = [
        sys.executable,
        "-P",
        "-E",
        "-m",
        "cloud.local_predict",
        "--model-dir",
        flags.model_dir,
        "--json-instances",
        "-",
    ]
    argv += ["--signature-name", flags.signature_name] if flags.signature_name else []
    argv += ["--as-json"]
    given = "".join(json.dumps(instance) + "\n" for instance in instances)
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr.replace("(cloud.local_predict)", f"({run.dotted})"))
    if done.returncode:
        return None, 1
    predictions = json.loads(done.stdout)
    run.text = shown({"predictions": predictions}, predictions)
    return {"predictions": predictions}
