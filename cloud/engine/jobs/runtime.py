"""Which TensorFlow a job runs in: the installed one, whatever runtime version it asks for."""

import functools
import platform
from importlib import metadata

from cloud.resources import JobSpec


def remark(spec: JobSpec) -> str | None:
    """What the job's log is to say of that; None for a job that asks for no version."""
    if spec.runtime_version is None and spec.python_version is None:
        return None
    asked = [
        f"runtime version {spec.runtime_version}" if spec.runtime_version else "",
        f"Python {spec.python_version}" if spec.python_version else "",
    ]
    return f"The job asks for {' with '.join(filter(None, asked))} and runs in what is installed here: {_installed()}."


@functools.cache
def _installed() -> str:
    try:
        tensorflow = f"TensorFlow {metadata.version('tensorflow')}"
    except metadata.PackageNotFoundError:
        tensorflow = "no TensorFlow"
    return f"{tensorflow} with Python {platform.python_version()}"
