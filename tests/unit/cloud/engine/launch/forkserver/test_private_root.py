from pathlib import Path

from cloud.engine.launch.forkserver.private_root import plan


def test_nothing_is_mounted_twice(tmp_path: Path) -> None:
    for name in ("a/b/c", "ab", "d"):
        (tmp_path / name).mkdir(parents=True)
    names = [str(tmp_path / name) for name in ("ab", "a/b", "a", "a/b/c", "none/at/all")]

    tree = plan(names, ())

    assert tree.folders == [(str(tmp_path / "a"), False), (str(tmp_path / "ab"), False)]
    assert tree.links == []


def test_what_can_be_written_is_mounted_on_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    outer, job, inner = (str(tmp_path / name) for name in ("a", "a/b", "a/b/c"))

    assert plan([outer, inner], [job]).folders == [(outer, False), (job, True)]
    assert plan([outer], [outer, job]).folders == [(outer, True)]
    assert plan([job], [outer]).folders == [(outer, True)]


def test_links_on_the_way_are_made_again(tmp_path: Path) -> None:
    real = tmp_path / "versions" / "3.11.7"
    (real / "bin").mkdir(parents=True)
    (real / "bin" / "python").touch()
    (tmp_path / "versions" / "3.11").symlink_to("3.11.7")
    (tmp_path / "current").symlink_to(tmp_path / "versions" / "3.11")
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "python").symlink_to("../current/bin/python")

    tree = plan([str(venv / "python")], ())

    assert tree.folders == [(str(real / "bin" / "python"), False)]
    assert dict(tree.links) == {
        str(venv / "python"): "../current/bin/python",
        str(tmp_path / "current"): str(tmp_path / "versions" / "3.11"),
        str(tmp_path / "versions" / "3.11"): "3.11.7",
    }


def test_links_below_a_mounted_folder_exist_already(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a")

    tree = plan([str(tmp_path / "a"), str(tmp_path / "a" / "link")], ())

    assert (tree.folders, tree.links) == ([(str(tmp_path / "a"), False)], [])


def test_links_that_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nothing")
    (tmp_path / "file").touch()

    assert plan([str(tmp_path / name) for name in ("loop", "gone", "file/below")], ()).folders == []
