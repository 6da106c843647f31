import importlib.metadata
from pathlib import Path

import pytest

from cloud.engine.jobs.requirements import check_requirements
from cloud.errors import FailedPrecondition

PYTEST = importlib.metadata.version("pytest")


def installed(folder: Path, name: str, version: str, *requirements: str) -> Path:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {text}" for text in requirements)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    "requirement",
    [
        "pytest",
        "PyTest>=1",
        f"pytest=={PYTEST}",
        "absent-thing; python_version < '3'",
        "absent-thing; extra == 'gpu'",
        "trainer",
    ],
)
def test_met(tmp_path: Path, requirement: str) -> None:
    check_requirements([installed(tmp_path, "trainer", "0.0.0", requirement)])


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("absent-thing>=2", "absent-thing>=2, which is not installed"),
        ("pytest<1", f"pytest<1, but {PYTEST} is installed"),
        ("absent-thing ; python_version >= '3'", "which is not installed"),
        ("not a requirement", "cannot be read"),
    ],
)
def test_unmet(tmp_path: Path, requirement: str, problem: str) -> None:
    with pytest.raises(FailedPrecondition) as failure:
        check_requirements([installed(tmp_path, "trainer", "0.0.0", requirement)])

    assert failure.value.field == "training_input.package_uris"
    assert failure.value.message.startswith("trainer 0.0.0 requires ")
    assert problem in failure.value.message
    assert "add it to the job's packages" in failure.value.message


def test_other_packages_of_the_job_count_and_of_two_with_one_name_the_first(tmp_path: Path) -> None:
    trainer = installed(tmp_path / "a", "trainer", "1", "My_Lib>=2", "pytest==0.1")
    old, new = installed(tmp_path / "b", "my-lib", "1"), installed(tmp_path / "c", "my-lib", "2")
    own_pytest = installed(tmp_path / "d", "pytest", "0.1")

    check_requirements([trainer, new, old, own_pytest])
    with pytest.raises(FailedPrecondition, match="My_Lib>=2, but 1 is installed"):
        check_requirements([trainer, old, new, own_pytest])
