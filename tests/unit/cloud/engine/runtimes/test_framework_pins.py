from pathlib import Path

import pytest

from cloud.engine.runtimes.demands import collect
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.framework_pins import replaced_pin


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
