import pytest

from cloud.engine.serving.signatures import Signature, TensorSpec, choose
from cloud.errors import PredictionFailed


@pytest.mark.parametrize(
    ("there", "asked", "chosen"),
    [
        (["predict"], None, "predict"),
        (["predict"], "", "predict"),
        (["predict"], "predict", "predict"),
        (["predict", "serving_default"], None, "serving_default"),
        (["predict", "serving_default"], "predict", "predict"),
    ],
)
def test_which_signature_is_meant(there: list[str], asked: str | None, chosen: str) -> None:
    assert choose(dict.fromkeys(there), asked) == chosen


@pytest.mark.parametrize(
    ("there", "asked", "missing"),
    [(["a", "b"], None, "serving_default"), (["a"], "b", "b"), (["a", "serving_default"], "c", "c")],
)
def test_a_signature_that_is_not_there(there: list[str], asked: str | None, missing: str) -> None:
    with pytest.raises(PredictionFailed, match=rf"^No signature found for signature key {missing}\.$"):
        choose(dict.fromkeys(there), asked)


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "may"),
    [
        ((None,), (None, 1), True),
        ((None, 224, 224, 3), (None,), True),
        ((1, 5), (1, 1), False),
        ((None,), (), False),
        ((None,), None, False),
        (None, (None,), False),
        ((), (None,), False),
    ],
)
def test_calls_can_be_joined_if_every_tensor_has_an_open_first_dimension(
    input_shape: tuple[int | None, ...] | None, output_shape: tuple[int | None, ...] | None, may: bool
) -> None:
    signature = Signature({"x": TensorSpec("float32", input_shape)}, {"y": TensorSpec("float32", output_shape)})
    assert signature.may_batch is may


def test_without_inputs_there_is_nothing_to_join() -> None:
    assert not Signature({}, {"y": TensorSpec("float32", (None,))}).may_batch
