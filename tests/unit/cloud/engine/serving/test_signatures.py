import orjson
import pytest

from cloud.engine.serving.signatures import Signature, TensorSpec, choose_signature, read_signatures
from cloud.errors import PredictionFailed


@pytest.mark.parametrize(
    ("exported", "requested", "chosen"),
    [
        (["predict"], None, "predict"),
        (["predict"], "", "predict"),
        (["predict"], "predict", "predict"),
        (["predict", "serving_default"], None, "serving_default"),
        (["predict", "serving_default"], "predict", "predict"),
    ],
)
def test_the_signature_of_a_request(exported: list[str], requested: str | None, chosen: str) -> None:
    assert choose_signature(dict.fromkeys(exported), requested) == chosen


@pytest.mark.parametrize(
    ("exported", "requested", "missing"),
    [(["a", "b"], None, "serving_default"), (["a"], "b", "b"), (["a", "serving_default"], "c", "c")],
)
def test_a_signature_that_does_not_exist(exported: list[str], requested: str | None, missing: str) -> None:
    with pytest.raises(PredictionFailed, match=rf"^No signature found for signature key {missing}\.$"):
        choose_signature(dict.fromkeys(exported), requested)


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
def test_requests_can_share_a_call_if_every_first_dimension_is_of_unknown_size(
    input_shape: tuple[int | None, ...] | None, output_shape: tuple[int | None, ...] | None, may: bool
) -> None:
    signature = Signature({"x": TensorSpec("float32", input_shape)}, {"y": TensorSpec("float32", output_shape)})
    assert signature.may_batch is may


def test_calls_without_inputs_cannot_be_shared() -> None:
    assert not Signature({}, {"y": TensorSpec("float32", (None,))}).may_batch


def test_signatures_are_read_as_a_worker_tells_them() -> None:
    told = {
        "a": Signature({"x": TensorSpec("string", (None, 2))}, {"y": TensorSpec("float32", None)}),
        "b": Signature({}, {}),
    }
    assert read_signatures(orjson.loads(orjson.dumps(told))) == told
