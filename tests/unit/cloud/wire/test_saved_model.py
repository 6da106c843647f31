import pytest

from cloud.wire.saved_model import keras_hint


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["logs/x", "model.keras"], "model.keras is Keras's own format"),
        (["deep/MODEL.H5"], "deep/MODEL.H5 is Keras's own format"),
        (["best.weights.h5"], "best.weights.h5 is weights alone"),
    ],
)
def test_a_model_in_a_format_of_keras_is_named_with_the_mend(names: list[str], found: str) -> None:
    assert keras_hint(names).startswith(f" {found}")
    assert "model.export(PATH)" in keras_hint(names)


def test_other_files_give_no_hint() -> None:
    assert keras_hint(["saved_model.pb", "checkpoint", "keras", "a.h5.txt"]) == ""
