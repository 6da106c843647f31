"""What a folder of links shows."""

import os
from pathlib import Path

from cloud.engine.runtimes.link_tree import Source, make, merge, recorded_files


def tree(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def shown(*sources: Source, below: Path) -> set[str]:
    """The files that are seen through the links."""
    target = below / "target"
    make(merge(sources), target)
    return {
        os.path.relpath(Path(folder) / name, target)
        for folder, _, names in os.walk(target, followlinks=True)
        for name in names
    }


def test_a_hidden_package_is_gone_with_what_is_in_its_folder(tmp_path: Path) -> None:
    site = tree(tmp_path / "site", "a/__init__.py", "a/generated.txt", "b/__init__.py", "c.py", "d.pth", "_e.so")
    hidden = ["a/__init__.py", "d.pth", "../../bin/a", "/etc/a"]

    assert shown(Source(site, hidden), below=tmp_path) == {"b/__init__.py", "c.py", "_e.so"}


def test_a_package_is_one_link(tmp_path: Path) -> None:
    site = tree(tmp_path / "site", "b/__init__.py", "space/of/one/__init__.py")

    assert merge([Source(site)]) == {"b": site / "b", "space": site / "space"}


def test_a_namespace_keeps_the_parts_of_others(tmp_path: Path) -> None:
    site = tree(
        tmp_path / "site",
        *("google/ours/__init__.py", "google/ours/data.txt", "google/api.py", "google/auth/__init__.py"),
        *("google/cloud/ours/__init__.py", "google/cloud/storage/__init__.py", "google/deep/ours.py"),
    )
    hidden = ["google/ours/__init__.py", "google/api.py", "google/cloud/ours/__init__.py", "google/deep/ours.py"]

    assert shown(Source(site, hidden), below=tmp_path) == {
        "google/auth/__init__.py",
        "google/cloud/storage/__init__.py",
    }


def test_a_namespace_of_hidden_parts_only_is_gone_with_its_bytecode(tmp_path: Path) -> None:
    site = tree(tmp_path / "site", "space/a.py", "space/__pycache__/a.cpython-311.pyc", "a.libs/liba.so", "b.py")

    assert shown(Source(site, ["space/a.py", "a.libs/liba.so"]), below=tmp_path) == {"b.py"}


def test_an_old_namespace_has_a_module_that_makes_it_one(tmp_path: Path) -> None:
    site = tree(tmp_path / "site", "zope/a/__init__.py", "zope/b/__init__.py", "zope/__init__.py")
    (site / "zope/__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)")
    hidden = ["zope/a/__init__.py", "zope/__init__.py"]

    assert shown(Source(site, hidden), below=tmp_path) == {"zope/__init__.py", "zope/b/__init__.py"}


def test_of_several_folders_the_first_has_the_say_and_namespaces_are_merged(tmp_path: Path) -> None:
    user = tree(tmp_path / "user", "a/__init__.py", "space/one.py", "b-2.dist-info/METADATA")
    system = tree(tmp_path / "system", "a/__init__.py", "a/old.py", "space/two.py", "c.py", "b-1.dist-info/METADATA")

    assert shown(Source(user), Source(system, ["b-1.dist-info"]), below=tmp_path) == {
        *("a/__init__.py", "space/one.py", "space/two.py", "c.py", "b-2.dist-info/METADATA"),
    }


def test_files_of_a_distribution(tmp_path: Path) -> None:
    wheel, apt = tmp_path / "a-1.dist-info", tmp_path / "b_c-1.egg-info"
    wheel.mkdir()
    apt.mkdir()
    (wheel / "RECORD").write_text('a/__init__.py,sha256=x,1\n"a/odd,name.txt",,\n../../../bin/a,,\n')

    assert recorded_files(wheel) == ["a-1.dist-info", "a/__init__.py", "a/odd,name.txt", "../../../bin/a"]
    assert recorded_files(apt) == ["b_c-1.egg-info", "b_c/__init__.py", "b_c.py"]
    (apt / "top_level.txt").write_text("b\n_b\n")
    assert recorded_files(apt)[1:] == ["b/__init__.py", "b.py", "_b/__init__.py", "_b.py"]
