"""What gcloud takes as a trainer's package is taken, and anything else is refused with the mend."""

from pathlib import Path

import pytest

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.workflow.packages import check_archives, find_package, left_out


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package ``trainer``, which has a module and a subpackage; the working directory."""
    for name in ("trainer/__init__.py", "trainer/task.py", "trainer/deep/__init__.py", "trainer/deep/task.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(path: Path | None, module: str, *, has_archives: bool = False) -> str:
    with pytest.raises(InvalidArgument) as caught:
        find_package(path, module, has_archives=has_archives)
    return str(caught.value)


def test_a_package_is_found_by_its_path_or_by_the_modules_name(project: Path) -> None:
    for path in (None, Path("trainer"), Path("trainer/"), project / "trainer", Path("trainer/deep/..")):
        assert find_package(path, "trainer.task", has_archives=False) == project / "trainer"


def test_a_package_inside_its_own_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "trainer")
    assert find_package(Path("."), "trainer.task", has_archives=False) == project / "trainer"


def test_a_package_with_a_main_module(project: Path) -> None:
    (project / "trainer/__main__.py").touch()
    assert find_package(None, "trainer", has_archives=False)


def test_with_an_archive_the_module_may_be_in_it(project: Path) -> None:
    assert find_package(None, "elsewhere.task", has_archives=True) is None
    assert find_package(Path("trainer"), "elsewhere.task", has_archives=True) == project / "trainer"


def test_a_setup_py_next_to_the_package_decides_what_is_in_it(project: Path) -> None:
    assert "no subpackages" in refused(Path("trainer"), "trainer.deep.task")
    (project / "setup.py").touch()
    assert find_package(Path("trainer"), "trainer.deep.task", has_archives=False)


@pytest.mark.parametrize(
    ("path", "module", "mend"),
    [
        (None, "other.task", "--package-path: is missing"),
        ("missing", "trainer.task", "no such folder: missing"),
        ("trainer/task.py", "trainer.task", "is a file"),
        (".", "trainer.task", "The folder of a package in it is trainer"),
        ("src-layout", "mine.task", "The folder of a package in it is src-layout/src/mine"),
        ("namespace", "namespace.task", "touch namespace/__init__.py"),
        ("empty", "empty.task", "has no __init__.py"),
        ("trainer", "trainer.tsak", "there is no trainer.tsak"),
        ("trainer", "task", "whose modules are named trainer."),
        ("src-layout/src/mine", "src.mine.task", "whose modules are named mine."),
    ],
)
def test_what_gcloud_refuses_is_refused_with_the_mend(project: Path, path: str | None, module: str, mend: str) -> None:
    for name in ("src-layout/pyproject.toml", "src-layout/src/mine/__init__.py", "namespace/task.py", "empty/x.csv"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    assert mend in refused(path if path is None else Path(path), module)


def test_what_is_not_packed_is_named(project: Path) -> None:
    (project / "pyproject.toml").touch()
    (project / "requirements.txt").touch()
    assert left_out(project / "trainer") == "deep/, pyproject.toml, requirements.txt"
    assert left_out(project / "trainer/deep") == ""
    (project / "setup.py").touch()
    assert left_out(project / "trainer") == ""


def test_a_setup_py_above_a_src_folder_is_not_used(project: Path) -> None:
    (project / "src").mkdir()
    (project / "trainer").rename(project / "src/trainer")
    (project / "setup.py").touch()
    assert "../setup.py" in left_out(project / "src/trainer")


def test_archives_are_files_or_objects(project: Path) -> None:
    (project / "a-1.tar.gz").touch()
    (project / "b-1-py3-none-any.whl").touch()
    given = ["a-1.tar.gz", project / "b-1-py3-none-any.whl", "gs://some-bucket/c-1.zip"]
    assert check_archives(given) == (Path(given[0]), given[1], GsUri("some-bucket", "c-1.zip"))


@pytest.mark.parametrize(
    ("names", "mend"),
    [
        (["missing.whl"], "no such file: missing.whl"),
        (["trainer"], "python -m build"),
        (["trainer/task.py"], "python -m build"),
        (["gs://some-bucket/folder/"], "python -m build"),
        (["gs://B_/a.whl"], "B_"),
        (["a.whl", "gs://some-bucket/x/a.whl"], "same name: a.whl"),
    ],
)
def test_what_is_no_archive_is_refused(project: Path, names: list[str], mend: str) -> None:
    (project / "a.whl").touch()
    with pytest.raises(InvalidArgument, match=mend):
        check_archives(names)
