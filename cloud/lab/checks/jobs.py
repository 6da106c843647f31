"""The learner's jobs, as the checks read them: what each was asked for, where its model goes, what it logged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cloud.lab.api import NotThere
from cloud.lab.checks.outcome import Lab, Outcome, not_yet
from cloud.lifecycle import JobState
from cloud.resources import Json
from cloud.wire.model_files import SAVED_MODEL_FILES

ML = "ml.googleapis.com"
_PAGE = "100"
_RMSE = re.compile(r"\brmse\s*[=:]\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", re.IGNORECASE)
_EVALUATED = re.compile(r"\beval|valid|Saving dict for global step", re.IGNORECASE)
_FOLDER_OPTIONS = re.compile(r"(?:path|paths|file|files|dir|folder)$")
_LOCAL = ("/", "./", "../", "~", "file:")
_MOUNTED = "/gcs/"
"""Buckets as folders of a job."""


class Kind(Enum):
    TRAINING = "training"
    TUNING = "tuning"
    BATCH = "batch prediction"


@dataclass(frozen=True)
class LabJob:
    """Args:
    json: ``Job`` of the API.
    """

    json: Json

    @property
    def id(self) -> str:
        return str(self.json["jobId"])

    @property
    def kind(self) -> Kind:
        if "predictionInput" in self.json:
            return Kind.BATCH
        return Kind.TUNING if "hyperparameters" in self.training else Kind.TRAINING

    @property
    def state(self) -> JobState:
        return JobState(self.json["state"])

    @property
    def training(self) -> Json:
        return self.json.get("trainingInput", {})

    @property
    def tier(self) -> str:
        return str(self.training.get("scaleTier", "BASIC"))

    @property
    def arguments(self) -> dict[str, str]:
        return options(self.training.get("args", []))

    @property
    def output(self) -> str:
        """Where it exports: ``gs://…`` without a slash at the end, or empty."""
        asked = self.arguments.get("output_dir", "")
        return str(asked if asked.startswith("gs://") else self.training.get("jobDir", "")).rstrip("/")


def options(arguments: Sequence[str]) -> dict[str, str]:
    """A trainer's flags by their names with ``_`` for ``-``: ``--name=value`` and ``--name value…``."""
    found: dict[str, str] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--") and argument != "--":
            name, separator, value = argument[2:].partition("=")
            name = name.replace("-", "_")
            found[name] = value
            if separator:
                name = ""
        elif name:
            found[name] = f"{found[name]} {argument}".strip()
    return found


def local_arguments(arguments: Sequence[str]) -> list[str]:
    """The flags whose value is a path of the learner's machine, which a machine of the cloud does not have."""
    return [f"--{name}={value}" for name, value in options(arguments).items() if _is_local(name, value)]


def _is_local(name: str, value: str) -> bool:
    if not value or value.startswith(("gs://", _MOUNTED)):
        return False
    return value.startswith(_LOCAL) or bool(_FOLDER_OPTIONS.search(name))


def jobs(lab: Lab, kind: Kind) -> list[LabJob]:
    """All jobs of a kind, the newest first."""
    found: list[LabJob] = []
    query = {"pageSize": _PAGE}
    while True:
        page = lab.api.get(ML, f"/v1/projects/{lab.project}/jobs", **query)
        found += map(LabJob, page.get("jobs", []))
        if not (token := page.get("nextPageToken")):
            break
        query["pageToken"] = token
    # Times are in whole seconds; jobs of one second stay in the order of the service.
    return sorted((job for job in found if job.kind is kind), key=lambda job: job.json["createTime"], reverse=True)


def exported(lab: Lab, folder: str) -> list[str]:
    """The folders of SavedModels below a folder on ``gs://``."""
    bucket, _, prefix = folder.removeprefix("gs://").partition("/")
    try:
        names = [item["name"] for item in lab.api.objects(bucket, f"{prefix}/" if prefix else "")]
    except NotThere:
        return []
    return [
        f"gs://{bucket}/{name.rpartition('/')[0]}" for name in names if name.rpartition("/")[2] in SAVED_MODEL_FILES
    ]


def rmse(lab: Lab, job: LabJob) -> float | None:
    """The last root mean square error that a job logged, on evaluation data if it says which."""
    entries = lab.api.entries(f'resource.labels.job_id="{job.id}" "rmse"')
    return last_rmse([message(entry) for entry in entries])


def last_rmse(lines: Sequence[str]) -> float | None:
    found = [line for line in lines if _RMSE.search(line)]
    for line in reversed([line for line in found if _EVALUATED.search(line)] or found):
        return float(_RMSE.findall(line)[-1])
    return None


def message(entry: Json) -> str:
    """The text of a log entry."""
    return str(entry.get("textPayload") or entry.get("jsonPayload", {}).get("message", ""))


def not_ended(lab: Lab, job: LabJob) -> Outcome | None:
    """What is to be said of a job that has not succeeded; None of one that has."""
    if job.state is JobState.SUCCEEDED:
        return None
    if job.state in (JobState.CANCELLED, JobState.CANCELLING):
        return not_yet(
            f"job {job.id} was cancelled. Submit another: an id is used only once.",
            f"el trabajo {job.id} se canceló. Envía otro: cada id solo se usa una vez.",
        )
    if job.state is not JobState.FAILED:
        return not_yet(
            f"job {job.id} is {job.state.value}. Wait for its end: gcloud ai-platform jobs stream-logs {job.id}",
            f"el trabajo {job.id} está en estado {job.state.value}. Espera a que acabe: "
            f"gcloud ai-platform jobs stream-logs {job.id}",
        )
    from cloud.lab.checks.access import grant  # which a job that may not read its bucket lacks

    reason = one_line(job.json.get("errorMessage", ""))
    is_refused = "403" in reason or "ermission" in reason or "does not have storage." in reason
    granted = grant(lab) if is_refused and lab.bucket else None
    if granted is not None and not granted.is_done:
        return not_yet(
            f"job {job.id} failed for want of a grant: {granted.english}",
            f"el trabajo {job.id} falló porque falta un permiso: {granted.spanish}",
        )
    if local := local_arguments(job.training.get("args", [])):
        return not_yet(
            f"job {job.id} failed, and a machine of the cloud does not see your folders: {local[0]}. Give gs:// paths.",
            f"el trabajo {job.id} falló, y las máquinas de la nube no ven tus carpetas: {local[0]}. Usa rutas gs://.",
        )
    return not_yet(
        f"job {job.id} failed: {reason}. Its log says more: gcloud ai-platform jobs stream-logs {job.id}",
        f"el trabajo {job.id} falló: {reason}. El registro dice más: gcloud ai-platform jobs stream-logs {job.id}",
    )


def one_line(text: str, longest: int = 300) -> str:
    """A message of the service, to be quoted within a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= longest else f"{line[:longest]}…"
