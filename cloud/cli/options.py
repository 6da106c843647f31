"""The options that ``cloud.run`` and ``cloud.serve`` share."""

from pathlib import Path

import click

from cloud.errors import InvalidArgument
from cloud.settings import (
    ConfineMode,
    GcloudMode,
    GpuQuota,
    IamMode,
    LauncherKind,
    RequirementsMode,
    RuntimeMode,
    ServiceAgents,
    public_folder,
)

launcher = click.option(
    "--launcher",
    type=click.Choice([kind.value for kind in LauncherKind]),
    help="Fork replicas from a process with TensorFlow loaded, or start each afresh.  [default: warm, on Linux]",
)
iam = click.option(
    "--iam",
    type=click.Choice([mode.value for mode in IamMode]),
    help="Refuse requests to a bucket that no grant allows, report them, or allow them.  [default: strict]",
)
service_agents = click.option(
    "--service-agents",
    type=click.Choice([agents.value for agents in ServiceAgents]),
    help="What jobs and versions may do with the project's buckets: all, as at Google, or what grants allow.  "
    "[default: as the state folder was made, a new one google with cloud.serve and bare with cloud.run]",
)
runtime = click.option(
    "--runtime",
    type=click.Choice([mode.value for mode in RuntimeMode]),
    help="Run jobs for other runtime versions in the installed one, or refuse them.  [default: any]",
)
gcloud = click.option(
    "--gcloud",
    type=click.Choice([mode.value for mode in GcloudMode]),
    help="Stand-ins of gcloud, gsutil and docker for the cloud's programs: where the machine has none, always, or "
    "never.  [default: auto]",
)
requirements = click.option(
    "--requirements",
    type=click.Choice([mode.value for mode in RequirementsMode]),
    help="Take what jobs' packages require from the cache or the package index, from the cache and folders of wheels, "
    "or only from what is installed.  [default: index]",
)
gpu_quota = click.option(
    "--gpu-quota",
    type=click.Choice([quota.value for quota in GpuQuota]),
    help="Let jobs and versions ask for GPUs, and run them on processors, or refuse them as in a new project.  "
    "[default: granted]",
)
confine = click.option(
    "--confine",
    metavar="[auto|off|require]",
    callback=lambda _, __, text: text and _confine_mode(text),
    help="Keep jobs, package builds and models from this machine's files, processes and network: as far as it can, not "
    "at all, or refuse to start where it cannot.  [default: auto]",
)
job_reads = click.option(
    "--job-reads",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A folder of this machine that confined jobs may read. (repeatable)",
)


public = click.option(
    "--public",
    metavar="BUCKET=FOLDER",
    multiple=True,
    callback=lambda _, __, texts: tuple(map(_public_folder, texts)),
    help="Serve a folder of this machine as a bucket that anyone may read, such as one that public code reads. "
    "(repeatable)",
)


def _public_folder(text: str) -> tuple[str, Path]:
    try:
        return public_folder(text)
    except InvalidArgument as error:
        raise click.BadParameter(error.message) from None


def _confine_mode(text: str) -> str:
    if text not in list(ConfineMode):
        raise click.BadParameter(f"one of {', '.join(ConfineMode)}, not {text!r}")
    return text
