"""Pins that were made for other images: what is installed in their place."""

import pytest

from cloud.engine.runtimes.distributions import Distributions
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode
from integration.runtimes import test_requirements
from integration.runtimes.test_requirements import PYTHON, Jobs, imports, packed

index, jobs = test_requirements.index, test_requirements.jobs


@pytest.mark.parametrize(
    ("requires", "numpy", "warning"),
    [
        ("built-for-1", "1.26", "built-for-1 1.0 cannot be imported with NumPy 2: numpy 1.26 is installed, too."),
        ("built-for-2", "2.0", ""),
        ("built-for-1 numpy<2", "1.26", ""),
        ("built-for-1 numpy>=2.1", "2.1", "built-for-1 1.0 cannot be imported with NumPy 2, and NumPy 1 cannot be ins"),
    ],
)
async def test_packages_built_for_numpy_1(jobs: Jobs, requires: str, numpy: str, warning: str) -> None:
    packed(jobs.folder / "site", "numpy", "2.0")

    environment = await jobs.install(*requires.split())

    assert f"numpy=={numpy}" in Distributions([*environment.import_path, *jobs.runtime.site]).freeze()
    assert [line[: len(warning)] for line, level in jobs.lines if level is Severity.WARNING] == [warning] * bool(
        warning
    )


@pytest.mark.parametrize("mode", [RequirementsMode.INDEX, RequirementsMode.OFFLINE])
@pytest.mark.parametrize(
    ("requires", "found"),
    [
        ("plots", ["numpy==1.23", "plots==1.0"]),
        ("new-plots", ["numpy==1.26", "new-plots==1.0"]),
        ("newest-plots", ["numpy==2.1", "newest-plots==1.0"]),
        ("plots numpy>=2", ["numpy==2.1", "plots==2.0"]),
    ],
)
async def test_numpy_changes_only_where_nothing_else_fits(
    jobs: Jobs, mode: RequirementsMode, requires: str, found: list[str]
) -> None:
    packed(jobs.folder / "site", "numpy", "1.23")
    if mode is RequirementsMode.OFFLINE:
        await jobs.install("plots==1.0", "numpy==1.26")  # which are then cached
        for other in ("plots==2.0", "newest-plots", "new-plots"):
            await jobs.install(other, "numpy>=1.26")
        jobs.mode = mode

    environment = await jobs.install(*requires.split())

    visible = Distributions([*environment.import_path, *jobs.runtime.site])
    assert [str(visible.get(name.partition("==")[0])).replace(" ", "==") for name in found] == found


@pytest.mark.parametrize(
    ("requires", "tensorflow", "hub"),
    [("hub", "2.15.1", "0.1"), ("hub>=0.2", "2.21", "0.2"), ("hub tensorflow>=2.16", "2.21", "0.2")],
)
async def test_tensorflow_changes_only_where_nothing_else_fits(
    jobs: Jobs, requires: str, tensorflow: str, hub: str
) -> None:
    packed(jobs.folder / "site", "tensorflow", "2.15.1")
    packed(jobs.folder / "site", "numpy", "1.26")

    environment = await jobs.install(*requires.split())

    visible = Distributions([*environment.import_path, *jobs.runtime.site])
    assert [str(visible.get(name)) for name in ("tensorflow", "hub")] == [f"tensorflow {tensorflow}", f"hub {hub}"]


@pytest.mark.parametrize(("protobuf", "metadata"), [("4.25.8", "1.15"), ("5.29.5", "1.16")])
async def test_metadata_of_a_release_that_protobuf_can_import(jobs: Jobs, protobuf: str, metadata: str) -> None:
    packed(jobs.folder / "site", "protobuf", protobuf)

    environment = await jobs.install("datasets")

    visible = Distributions([*environment.import_path, *jobs.runtime.site])
    assert str(visible.get("tensorflow-metadata")) == f"tensorflow-metadata {metadata}"


async def test_pins_that_do_not_fit_what_takes_the_place_of_others_give_way(jobs: Jobs) -> None:
    jobs.lenient = True
    packed(jobs.folder / "site", "six", "8.0")

    await jobs.install("old-only==1.0", "base-lib==2.0", "six==9.0")

    assert [line for line, severity in jobs.lines if severity is Severity.WARNING] == [
        f"old-only==1.0 has no wheel for Python {PYTHON}; 2.0 is used.",
        "base-lib==2.0 does not fit the versions above; 1.0 is used.",
    ], "the pin on six stays"


async def test_pins_that_no_wheel_can_meet_are_passed_with_a_warning(jobs: Jobs) -> None:
    jobs.lenient = True

    environment = await jobs.install("old-only==1.0", "base-lib==0.5", "fares")

    assert imports(environment, "old_only", "fares") == ["2.0", "2.0"]
    assert environment.interpreter.preload, "the runtime's own version is used"
    assert [line for line, severity in jobs.lines if severity is Severity.WARNING] == [
        f"old-only==1.0 has no wheel for Python {PYTHON}; 2.0 is used.",
        f"base-lib==0.5 has no wheel for Python {PYTHON}; 1.0 is used.",
    ]


@pytest.mark.parametrize("other", ["fares", "old-only==1.0"])
async def test_a_pin_that_never_existed_is_not_passed(jobs: Jobs, other: str) -> None:
    """pip fails at Google, too."""
    jobs.lenient = True

    message = await jobs.refused("fares==99.9", other)

    assert "requires fares==99.9, a version that the package index does not have; the nearest is 2.0" in message
