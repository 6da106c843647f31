from pathlib import Path

from cloud.engine.runtimes.distributions import Distributions


def installed(folder: Path, info: str, name: str, version: str, *, file: str = "METADATA") -> Path:
    (folder / info).mkdir(parents=True)
    (folder / info / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def test_of_two_with_one_name_the_first(tmp_path: Path) -> None:
    first = installed(tmp_path / "a", "My_Lib-1.dist-info", "My-Lib", "1")
    second = installed(tmp_path / "b", "my_lib-2.dist-info", "my-lib", "2")

    assert Distributions([first, second]).freeze() == ["my-lib==1"]
    assert str(Distributions([second, first]).get("MY.LIB")) == "my-lib 2"
    assert Distributions([tmp_path / "absent"]).get("my-lib") is None


def test_older_metadata_and_what_was_half_removed(tmp_path: Path) -> None:
    folder = installed(tmp_path, "old-1.egg-info", "old", "1.5", file="PKG-INFO")
    (folder / "removed-1.dist-info").mkdir()

    assert Distributions([folder]).freeze() == ["old==1.5"]


def test_a_folder_is_read_again_when_it_changes(tmp_path: Path) -> None:
    folder = installed(tmp_path, "a-1.dist-info", "a", "1")
    assert Distributions([folder]).freeze() == ["a==1"]

    installed(folder, "b-1.dist-info", "b", "1")

    assert Distributions([folder]).freeze() == ["a==1", "b==1"]
