"""All wheels that a laptop of the class needs, in one folder: for rooms without a network."""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.folders.temporary import Kind, temporary_folder
from cloud.lab.own_wheel import PROJECT, write_own_wheel

EXTRA = "lab"
README = "README.txt"


@dataclass(frozen=True, slots=True)
class Platform:
    """A kind of laptop.

    Attributes:
        uv: its name for uv, which knows what a package needs there.
        tags: of wheels that it can install (https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/).
    """

    uv: str
    tags: tuple[str, ...]


def _linux(machine: str) -> Platform:
    # glibc 2.28: Debian 10, Ubuntu 18.10, RHEL 8 and later.
    tags = tuple(f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1))
    return Platform(f"{machine}-manylinux_2_28", (*tags, f"manylinux2014_{machine}", f"linux_{machine}"))


PLATFORMS: Mapping[str, Platform] = {
    "linux-x86_64": _linux("x86_64"),
    "linux-aarch64": _linux("aarch64"),
    "macos-arm64": Platform("aarch64-apple-darwin", ("macosx_14_0_arm64", "macosx_14_0_universal2")),
}


def make_bundle(folder: Path, platform: str | None, python: str | None) -> str:
    """Fill ``folder`` with the wheels; returns the line that installs from it, which is in its ``README.txt``, too.

    Args:
        platform: a key of ``PLATFORMS``; None: this machine's.
        python: the version of Python, such as ``3.12``; None: this one.

    Raises:
        FailedPrecondition: pip or uv is missing, or something has no wheel for that platform.
    """
    if importlib.util.find_spec("pip") is None:
        raise FailedPrecondition(f"a bundle needs pip, which is not installed: {sys.executable} -m ensurepip")
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("offline_ml_cloud-*.whl"):
            old.unlink()
        own = write_own_wheel(folder)
    except OSError as error:
        raise FailedPrecondition(f"{folder} cannot be written: {error.strerror}") from None
    wanted = f"{own}[{EXTRA}]"
    if platform or python:
        _download_for(folder, wanted, platform, python)
    else:
        _pip("download", "--only-binary", ":all:", "--dest", str(folder), wanted)
    line = f"python -m pip install --no-index --find-links {folder} '{PROJECT}[{EXTRA}]'"
    (folder / README).write_text(_readme(line, platform, python))
    return line


def _download_for(folder: Path, wanted: str, platform: str | None, python: str | None) -> None:
    """For another machine: pip would take this machine's dependencies, of other systems and versions of Python."""
    if importlib.util.find_spec("uv") is None:
        raise FailedPrecondition(
            f"a bundle for another machine needs uv: {sys.executable} -m pip install '{PROJECT}[runtimes]'"
        )
    from uv import find_uv_bin

    version = python or "{}.{}".format(*sys.version_info)
    kind = PLATFORMS[platform] if platform else None
    with temporary_folder(Kind.WORK) as work:
        listed, pinned = work / "wanted.txt", work / "pinned.txt"
        listed.write_text(f"{PROJECT}[{EXTRA}] @ {Path(wanted.partition('[')[0]).as_uri()}\n")
        compiled = [find_uv_bin(), "pip", "compile", "--quiet", "--only-binary", ":all:", "--python-version", version]
        compiled += ["--python-platform", kind.uv] if kind else []
        compiled += ["--no-emit-package", PROJECT, "--no-header", "--no-annotate", "-o", str(pinned), str(listed)]
        _run(compiled)
        tags = [argument for tag in (kind.tags if kind else ()) for argument in ("--platform", tag)]
        options = ["--only-binary", ":all:", "--no-deps", "--python-version", version, "--implementation", "cp", *tags]
        _pip("download", *options, "--dest", str(folder), "-r", str(pinned))


def _pip(*arguments: str) -> None:
    # Its progress is shown: it fetches half a gigabyte.
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments])


def _run(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise FailedPrecondition("the wheels could not be gathered, see above")


def _readme(line: str, platform: str | None, python: str | None) -> str:
    machine = platform or "machines like the one that made this folder"
    version = python or "{}.{}".format(*sys.version_info)
    return f"""\
The lab for {machine}, Python {version}, without a network.

In this folder:

  python{version} -m venv lab
  lab/bin/pip install --no-index --find-links . '{PROJECT}[{EXTRA}]'
  lab/bin/python -m cloud.lab

Where it was made: {line}
"""
