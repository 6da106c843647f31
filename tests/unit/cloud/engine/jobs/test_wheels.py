import platform
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from cloud.engine.jobs.archives import BadArchiveError
from cloud.engine.jobs.wheels import install_wheel
from cloud.engine.runtimes.python_facts import PythonFacts
from cloud.errors import FailedPrecondition

HERE = PythonFacts(
    "", {"python_version": "{}.{}".format(*sys.version_info), "python_full_version": platform.python_version()}
)
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
METADATA = "Metadata-Version: 2.1\nName: p\nVersion: 1\n"


def make(path: Path, files: dict[str, str] | None = None, *, tag: str = "py3-none-any", metadata: str = "") -> Path:
    members = {"p-1.dist-info/WHEEL": WHEEL.format(tag=tag), "p-1.dist-info/METADATA": METADATA + metadata}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**members, **(files or {})}.items():
            archive.writestr(name, text)
    return path


def test_every_member_goes_where_pip_puts_it(tmp_path: Path) -> None:
    files = {
        "p/__init__.py": "code",
        "p-1.data/purelib/pure.py": "pure",
        "p-1.data/platlib/plat.py": "plat",
        "p-1.data/scripts/tool": "tool",
        "p-1.data/data/share/rates.csv": "rates",
        "p-1.data/headers/p.h": "header",
    }

    folder, name = install_wheel(make(tmp_path / "p-1-py3-none-any.whl", files), tmp_path, HERE)

    assert name == "p-1"
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {name: text for name, text in found.items() if "dist-info" not in name} == {
        "p/__init__.py": "code",
        "pure.py": "pure",
        "plat.py": "plat",
        "bin/tool": "tool",
        "share/rates.csv": "rates",
        "include/p.h": "header",
    }


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    wheel = make(tmp_path / "a.whl", {"p.py": "code"})

    first, second = (install_wheel(wheel, tmp_path, HERE)[0] for _ in range(2))
    (first / "p.py").write_text("changed")

    assert (second / "p.py").read_text() == "code"


@pytest.mark.parametrize("tag", ["cp27-cp27m-manylinux1_x86_64", "py3-none-win_amd64"])
def test_wheel_for_another_python(tmp_path: Path, tag: str) -> None:
    with pytest.raises(FailedPrecondition, match=f"is for {tag}, not for the job's Python 3"):
        install_wheel(make(tmp_path / "a.whl", tag=tag), tmp_path, HERE)


@pytest.mark.skipif(sys.platform != "linux", reason="the names of Linux' platforms")
def test_a_wheel_fits_the_python_of_the_job_and_not_the_one_that_installs_it(tmp_path: Path) -> None:
    other = PythonFacts("", {"python_version": "3.7", "python_full_version": "3.7.16"})
    own = f"cp3{sys.version_info.minor}"
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    compiled = make(tmp_path / "a.whl", tag=f"cp37-cp37m-{machine}", metadata="Requires-Python: >=3.7.1,<3.8\n")

    install_wheel(compiled, tmp_path, other)
    install_wheel(make(tmp_path / "any.whl"), tmp_path, other)
    with pytest.raises(FailedPrecondition, match="is for cp37"):
        install_wheel(compiled, tmp_path, HERE)
    with pytest.raises(FailedPrecondition, match=f"is for {own}.*not for the job's Python 3.7.16"):
        install_wheel(make(tmp_path / "b.whl", tag=f"{own}-{own}-{machine}"), tmp_path, other)


@pytest.mark.parametrize(("wanted", "fits"), [(">=3.8", True), ("<3", False), (">=3.99", False), ("nonsense", True)])
def test_requires_python(tmp_path: Path, wanted: str, fits: bool) -> None:
    wheel = make(tmp_path / "a.whl", metadata=f"Requires-Python: {wanted}\n")

    if fits:
        install_wheel(wheel, tmp_path, HERE)
    else:
        with pytest.raises(FailedPrecondition, match="requires Python"):
            install_wheel(wheel, tmp_path, HERE)


@pytest.mark.parametrize("members", [[], ["p-1.dist-info/METADATA"], ["a.dist-info/WHEEL", "b.dist-info/WHEEL"]])
def test_a_zip_archive_that_is_not_a_wheel(tmp_path: Path, members: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        for member in members:
            archive.writestr(member, "")

    with pytest.raises(BadArchiveError, match="no wheel"):
        install_wheel(tmp_path / "a.whl", tmp_path, HERE)
