from pathlib import Path

import pytest

from cloud.engine.runtimes.demands import collect
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.framework_pins import replaced_pin, with_older_tensorflow, without_framework_pins
from cloud.engine.runtimes.runtime import RuntimeRequest


def visible(folder: Path, *names: str) -> Distributions:
    for name in names:
        info = folder / f"{name}.dist-info"
        info.mkdir()
        (info / "METADATA").touch()
    return Distributions([folder])


@pytest.mark.parametrize(
    ("requirement", "python", "warning"),
    [
        ("tensorflow==2.8.0", "3.11", "tensorflow==2.8.0 has no wheel for Python 3.11; 2.21.0 is used."),
        ("tensorflow==2.8.*", "3.11", "tensorflow==2.8.* has no wheel for Python 3.11; 2.21.0 is used."),
        ("tensorflow<2.12", "3.11", "tensorflow<2.12 has no wheel for Python 3.11; 2.21.0 is used."),
        ("tensorflow~=2.8.0", "3.11", "tensorflow~=2.8.0 has no wheel for Python 3.11; 2.21.0 is used."),
        ("tensorflow>=1.15,<2", "3.12", "tensorflow<2,>=1.15 has no wheel for Python 3.12; 2.21.0 is used."),
        ("tensorflow==2.15.1", "3.12", "tensorflow==2.15.1 has no wheel for Python 3.12; 2.21.0 is used."),
        (
            "tensorflow-gpu==1.15",
            "3.11",
            "tensorflow-gpu==1.15 has no wheel for Python 3.11; tensorflow 2.21.0 is used.",
        ),
        ("tensorflow_cpu", "3.11", "tensorflow_cpu is met by tensorflow 2.21.0."),
        ("tensorflow-cpu==2.8", "3.11", "tensorflow-cpu==2.8 has no wheel for Python 3.11; tensorflow 2.21.0 is used."),
        ("tensorflow==2.15.1", "3.11", None),
        ("tensorflow<2.13", "3.11", None),
        ("tensorflow<=2.12", "3.11", None),
        ("tensorflow-cpu==2.15.1", "3.11", None),
        ("tensorflow>=2.22", "3.11", None),
        ("tensorflow==2.8.0", "3.14", None),
        ("tensorflow-hub==0.1", "3.11", None),
    ],
)
def test_pins(tmp_path: Path, requirement: str, python: str, warning: str | None) -> None:
    (demand,) = collect([], [requirement], {})

    assert replaced_pin(demand, visible(tmp_path, "tensorflow-2.21.0"), python) == warning
    assert replaced_pin(demand, Distributions([]), python) is None


REPLACED = "tensorflow==2.8.0 has no wheel for Python 3.11; 2.21.0 is used."
OTHER_PROTOBUF = "protobuf==3.19.1 does not fit tensorflow 2.21.0, which requires protobuf<8.0.0,>=6.31.1; 7.1 is used."
OTHER_KERAS = "keras<3,>=2.4 does not fit tensorflow 2.21.0, which requires keras>=3.12.0; 3.13.0 is used."


@pytest.mark.parametrize(
    ("requirements", "kept", "warnings"),
    [
        # A list that was frozen with another TensorFlow.
        (["tensorflow==2.8.0", "protobuf==3.19.1", "pandas==1.5.3"], ["pandas==1.5.3"], [REPLACED, OTHER_PROTOBUF]),
        (["keras>=2.4,<3"], [], [OTHER_KERAS]),
        (["tensorflow==2.8.0", "numpy<2", "keras==3.14.0"], ["numpy<2", "keras==3.14.0"], [REPLACED]),
        # TensorFlow is not used, or is installed anew with what it requires.
        (["protobuf==3.19.1"], ["protobuf==3.19.1"], []),
        (["tensorflow==2.15.1", "keras==2.15.0"], ["tensorflow==2.15.1", "keras==2.15.0"], []),
    ],
)
def test_what_was_pinned_with_tensorflow(
    tmp_path: Path, requirements: list[str], kept: list[str], warnings: list[str]
) -> None:
    found = visible(tmp_path, "tensorflow-2.21.0", "protobuf-7.1", "keras-3.13.0", "numpy-2.4.0")
    required = ("protobuf<8.0.0,>=6.31.1", "keras>=3.12.0", "numpy>=1.26.0", "nvidia-cublas>=12; extra == 'cuda'")
    metadata = tmp_path / "tensorflow-2.21.0.dist-info" / "METADATA"
    metadata.write_text("\n".join(["Name: tensorflow", *(f"Requires-Dist: {text}" for text in required)]))

    demands, said = without_framework_pins(collect([], requirements, {}), found, "3.11", {})

    assert [str(demand) for demand in demands] == kept
    assert said == warnings


TF2 = RuntimeRequest("tensorflow", None, None, "image tf2-cpu")


@pytest.mark.parametrize(
    ("base", "requirements", "framework", "version"),
    [
        # What the Dockerfile of a course installs over the newest TensorFlow.
        (TF2, ["tensorflow==2.1", "cloudml-hypertune"], "tensorflow", "2.1"),
        (TF2, ["tensorflow-cpu~=2.8.0"], "tensorflow", "2.8"),
        (TF2, ["tensorflow-gpu==2.4.*"], "tensorflow", "2.4"),
        (TF2, ["tensorflow==2.15.1", "/trainer", "tensorflow==1.15"], "tensorflow", "1.15"),
        (RuntimeRequest("python", None, "3.7", "image python:3.7"), ["tensorflow==2"], "tensorflow", "2.0"),
        # It can be had, or is not pinned.
        (TF2, ["tensorflow==2.15.1"], "tensorflow", None),
        (TF2, ["tensorflow==2.1", "tensorflow==2.12.1"], "tensorflow", None),
        (TF2, ["tensorflow<2.12", "tensorflow-hub==0.1", "tensorflow @ https://a.b/c.whl"], "tensorflow", None),
        (RuntimeRequest("pytorch", "1.2", None, "image pytorch"), ["tensorflow==2.1"], "pytorch", "1.2"),
    ],
)
def test_an_image_with_an_older_tensorflow(
    base: RuntimeRequest, requirements: list[str], framework: str, version: str | None
) -> None:
    request = with_older_tensorflow(base, requirements, "3.11")

    assert (request.framework, request.version, request.python) == (framework, version, base.python)
    assert request.text.startswith(base.text)
    assert with_older_tensorflow(base, requirements, "3.14") == base
