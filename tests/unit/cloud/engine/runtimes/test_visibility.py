"""Which distributions a job does not see."""

from pathlib import Path

import pytest

from cloud.engine.runtimes.visibility import hidden_names, read_requires

PRODUCT = {"offline-ml-cloud": ["aiohttp>=3.12", "tensorflow", "requests", "pytest ; extra == 'test'"]}
INSTALLED: dict[str, list[str]] = {
    **PRODUCT,
    "aiohttp": ["Yarl (>=1)", "brotli; extra == 'speedups'"],
    "yarl": ["idna>=2"],
    "idna": [],
    "brotli": [],
    "tensorflow": ["numpy>=1"],
    "numpy": [],
    "requests": ["idna", "PySocks!=1.5; extra == 'socks'"],
    "pysocks": [],
    "pytest": [],
}


def hidden(**more: list[str]) -> set[str]:
    return hidden_names({**INSTALLED, **{name.replace("_", "-"): lines for name, lines in more.items()}})


def test_what_only_this_project_requires_is_hidden_with_its_extras() -> None:
    # idna is required by requests, which Google's images hold; brotli and PySocks were installed by someone else.
    assert hidden() == {"offline-ml-cloud", "aiohttp", "yarl", "pytest"}


def test_what_another_distribution_requires_is_seen() -> None:
    assert hidden(gcs_tools=["aiohttp"]) == {"offline-ml-cloud", "pytest"}
    assert hidden(my_tests=["offline-ml-cloud", "pytest"]) == {"offline-ml-cloud", "aiohttp", "yarl"}


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("aiohttp; python_version >= '3'", True),
        ("aiohttp; python_version < '3'", False),
        ("aiohttp; extra == 'all'", False),
        ("requests[socks]; sys_platform != 'none'", False),
        ("aiohttp @ https://example.com/a.whl", True),
        ("aiohttp[speedups]>=3", True),
        ("own[net] ; python_version >= '3'", True),
    ],
)
def test_markers_and_extras_of_other_distributions(line: str, seen: bool) -> None:
    found = hidden(other=[line], own=["aiohttp ; extra == 'net'"])
    assert ("aiohttp" not in found) is seen


def test_cycles_end() -> None:
    names = hidden_names({**PRODUCT, "aiohttp": ["yarl[x]"], "yarl": ["aiohttp[y]", "aiohttp ; extra == 'x'"]})
    assert names == {"offline-ml-cloud", "aiohttp", "yarl"}


def test_where_this_project_is_not_installed_nothing_is_hidden() -> None:
    assert hidden_names({"aiohttp": []}) == set()


def test_requirements_are_read_from_the_fields_of_the_metadata(tmp_path: Path) -> None:
    info = tmp_path / "a-1.dist-info"
    info.mkdir()
    assert read_requires(info) == []
    text = "Name: a\nRequires-Dist: b (>=1)\nRequires-Dist: c; extra == 'x'\n\nRequires-Dist: of the description\n"
    (info / "METADATA").write_text(text)
    egg = tmp_path / "d.egg-info"
    egg.write_text("Name: d\nRequires-Dist: e\n")

    assert read_requires(info) == ["b (>=1)", "c; extra == 'x'"]
    assert read_requires(egg) == ["e"]
