import pytest

from cloud.resources import Framework
from cloud.wire.model_files import find_framework, holds_model, keras_hint, model_hint


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


@pytest.mark.parametrize(
    ("framework", "names", "hint"),
    [
        (Framework.SCIKIT_LEARN, ["iris.joblib", "notes.txt"], " iris.joblib is there: store it as model.joblib."),
        (Framework.SCIKIT_LEARN, ["out/model.pkl"], " out/model.pkl is there: give that folder."),
        (Framework.SCIKIT_LEARN, ["model.bst"], ""),
        (Framework.XGBOOST, ["fares.bst"], " fares.bst is there: store it as model.bst."),
        (Framework.XGBOOST, ["model.bst", "model.pkl"], ""),
        (Framework.TENSORFLOW, ["model.joblib"], ""),
    ],
)
def test_a_model_under_another_name_is_named(framework: Framework, names: list[str], hint: str) -> None:
    assert model_hint(framework, names) == hint
    assert not holds_model(framework, names)


@pytest.mark.parametrize(
    ("names", "framework"),
    [
        (["saved_model.pb", "model.joblib"], Framework.TENSORFLOW),
        (["model.joblib"], Framework.SCIKIT_LEARN),
        (["model.pkl", "x"], Framework.SCIKIT_LEARN),
        (["model.bst"], Framework.XGBOOST),
        (["a/model.bst"], Framework.TENSORFLOW),
        ([], Framework.TENSORFLOW),
    ],
)
def test_the_files_tell_the_framework(names: list[str], framework: Framework) -> None:
    assert find_framework(names) is framework
