import json

from cloud.console.example_instances import example
from cloud.engine.serving.signatures import Signature, TensorSpec


def signature(**inputs: tuple[str, tuple[int | None, ...] | None]) -> dict[str, Signature]:
    return {"serving_default": Signature({name: TensorSpec(*spec) for name, spec in inputs.items()}, {})}


def test_each_input_has_a_value_of_its_type_and_shape() -> None:
    found = example(
        signature(
            fare=("float32", (None,)),
            count=("int64", (None, 2)),
            name=("string", (None, 1)),
            old=("bool", (None, None)),
        )
    )
    assert json.loads(found) == [{"count": [0, 0], "fare": 0.0, "name": [""], "old": [False]}]


def test_other_signatures_do_where_there_is_no_default() -> None:
    assert example({"predict": signature(x=("float32", (None,)))["serving_default"]}) == '[{"x": 0.0}]'


def test_what_is_large_or_of_no_known_shape_has_none() -> None:
    assert example(signature(image=("float32", (None, 224, 224, 3)))) == ""
    assert example(signature(x=("float32", None))) == ""
    assert example({}) == ""
    assert example(signature()) == ""
