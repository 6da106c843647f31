from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud.engine.runtimes.demands import collect, is_met
from cloud.engine.runtimes.distributions import Distribution, Distributions
from cloud.errors import FailedPrecondition

MARKERS = {"python_version": "3.11", "python_full_version": "3.11.7", "sys_platform": "linux"}


def installed(folder: Path, name: str, version: str, *requires: str) -> Distribution:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires), ""]))
    found = Distributions([folder]).get(name)
    assert found is not None
    return found


def unmet(folder: Path, requires: Sequence[str], stated: Sequence[str] = ()) -> list[str]:
    trainer = installed(folder, "trainer", "0.1", *requires)
    everything = Distributions([folder])
    return [str(demand) for demand in collect([trainer], stated, MARKERS) if not is_met(demand, everything, MARKERS)]


def test_versions_markers_and_itself(tmp_path: Path) -> None:
    installed(tmp_path, "lib", "2.0rc1")
    requires = [
        "LIB",
        "lib>=1",
        "lib==2.0",
        "lib>=3 ; sys_platform == 'win32'",
        "absent; python_version < '3'",
        "trainer",
        "absent-too ; python_version >= '3.11'",
        "optional; extra == 'more'",
    ]

    assert unmet(tmp_path, requires) == ["lib==2.0", "absent-too"]


def test_stated_requirements_come_first(tmp_path: Path) -> None:
    assert unmet(tmp_path, ["b"], ["a>=1"]) == ["a>=1", "b"]


def test_extras_are_met_if_what_they_require_is(tmp_path: Path) -> None:
    installed(tmp_path, "lib", "1", "part; extra == 'one'", "absent; extra == 'two'", "lib[one]; extra == 'all'")
    installed(tmp_path, "part", "1")
    installed(tmp_path, "circle", "1", "circle[a]; extra == 'b'", "circle[b]; extra == 'a'")

    assert unmet(tmp_path, ["lib[one]", "lib[all]", "lib[two]", "lib[unknown]", "circle[a]"]) == ["lib[two]"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words", "the job requires 'two words', which cannot be read"),
        ("-e .", "the job requires '-e .', which cannot be read"),
        ("./folder", "which cannot be read"),
        ("x @ git+ssh://git@host/x", "'x @ git+ssh://****@host/x': of URLs only those of wheels"),
        ("x @ https://t0ken@host/x.tar.gz", "'x @ https://****@host/x.tar.gz': of URLs only those of wheels"),
    ],
)
def test_forms_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(FailedPrecondition) as failure:
        collect([], [text], MARKERS)

    assert words in str(failure.value)


def test_the_login_of_a_url_is_used_but_not_stated() -> None:
    (demand,) = collect([], ["x @ https://me:pass@host/x-1-py3-none-any.whl"], MARKERS)

    assert "me:pass@" in str(demand)
    assert demand.statement == "the job requires x @ https://****@host/x-1-py3-none-any.whl"
