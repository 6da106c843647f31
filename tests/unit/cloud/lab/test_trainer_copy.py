from pathlib import Path

from cloud.lab.trainer_copy import copy_trainer


def test_all_but_the_init_is_copied_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "taxifare" / "trainer"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text("mine = 1\n")
    copied = copy_trainer(folder)
    assert {"task.py", "model.py", "features.py"} <= set(copied)
    assert "__init__.py" not in copied
    assert (folder / "features.py").read_text() == "mine = 1\n"
    (folder / "__init__.py").touch()
    assert "__init__.py" in copy_trainer(folder)
