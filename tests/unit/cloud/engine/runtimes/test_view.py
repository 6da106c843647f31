"""The store of views of the installed environment."""

import json
import os
from pathlib import Path

import pytest

from cloud.engine.runtimes import view, view_build
from cloud.engine.runtimes.view import view_of_installed


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for what is installed here."""
    site = tmp_path / "site"
    for name, requires in (("offline_ml_cloud", "Requires-Dist: only_ours\n"), ("only_ours", ""), ("theirs", "")):
        info = site / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\n{requires}")
        (info / "RECORD").write_text(f"{name}.py,,\n{info.name}/METADATA,,\n")
        (site / f"{name}.py").touch()
    monkeypatch.setattr(view, "site_folders", lambda: [site])
    return site


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_view_shows_all_but_this_project_and_what_only_it_requires(site: Path, tmp_path: Path) -> None:
    runtime = view_of_installed(tmp_path / "store")

    (shown,) = runtime.site
    assert names(shown) == ["theirs-1.dist-info", "theirs.py"]
    assert runtime.name == "installed"
    about = json.loads((runtime.interpreter.path.parents[1] / "runtime.json").read_text())
    assert about["hidden"] == ["offline-ml-cloud", "only-ours"]


def test_a_view_is_made_once_and_again_when_something_is_installed(site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = view_of_installed(store)
    (made,) = names(store)
    marker = store / made / "marker"
    marker.touch()

    assert view_of_installed(store) == first
    assert marker.exists()

    (site / "new.py").touch()
    (shown,) = view_of_installed(store).site
    assert names(shown) == ["new.py", "theirs-1.dist-info", "theirs.py"]
    os.utime(site / "theirs-1.dist-info", (1, 1))  # installed again
    assert view_of_installed(store).site != (shown,)
    assert len(names(store)) == 3


def test_a_damaged_view_is_made_again(site: Path, tmp_path: Path) -> None:
    runtime = view_of_installed(tmp_path / "store")
    runtime.interpreter.path.unlink()
    runtime.interpreter.path.symlink_to(tmp_path / "python that has gone")

    assert view_of_installed(tmp_path / "store") == runtime
    assert os.access(runtime.interpreter.path, os.X_OK)


def test_a_faster_cloud_has_made_it(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill, made = view_build._fill, []

    def while_another_does(*arguments: object) -> None:
        fill(*arguments)  # type: ignore[arg-type]
        if not made:
            made.append("being made")
            view_of_installed(tmp_path / "store")

    monkeypatch.setattr(view_build, "_fill", while_another_does)
    runtime = view_of_installed(tmp_path / "store")

    assert os.access(runtime.interpreter.path, os.X_OK)
    assert len(names(tmp_path / "store")) == 1


def test_a_store_that_cannot_be_written_is_passed_over(site: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("not a folder")

    runtime = view_of_installed(blocked, tmp_path / "private")

    assert runtime.interpreter.path.is_relative_to(tmp_path / "private")
    with pytest.raises(OSError, match="blocked"):
        view_of_installed(blocked)


def test_views_without_use_are_removed(site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    view_of_installed(store)
    (old,) = names(store)
    os.utime(store / old, (1, 1))
    (store / "view-gone").mkdir()
    (store / "view-gone" / "runtime.json").write_text('{"prefix": "/an/environment/that/is/gone"}')
    (store / "tf2.15-py3.11").mkdir()

    (site / "new.py").touch()
    view_of_installed(store)

    left = names(store)
    assert len(left) == 2
    assert "tf2.15-py3.11" in left
    assert old not in left
