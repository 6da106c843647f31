"""What becomes of a SavedModel of each kind, by TensorFlow's C API and by its Python library: the same."""

import base64
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from integration.serving.clouds import ENVIRON, TIMEOUT
from meta_graphs import field

TESTS = Path(__file__).parents[2]
LONG = "a name that is longer than twenty-two bytes"


def png(*pixels: int) -> str:
    """A grey image of one row, in base64."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", len(pixels), 1, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes([0, *pixels]))), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


IMAGE = png(1, 2, 250)
FLOATS = field(2, field(1, struct.pack("<f", 2.0)))
EXAMPLE = base64.b64encode(field(1, field(1, field(1, "x") + field(2, FLOATS)))).decode()
"""``tf.train.Example`` with the feature x of 2."""

TYPES = {"double": 0.1, "half": 0.5, "byte": 255, "flag": True, "small": -300}

SERVED: dict[str, list[tuple[list[Any], Any]]] = {
    "keras_export": [([[1], {"x": [2]}], [{"output_0": [3.0]}, {"output_0": [5.0]}])],
    "keras_in_module_mended": [([[1]], [{"y": [3.0]}])],
    "keras_string_lookup": [([["b"], ["?"]], [{"output_0": [2]}, {"output_0": [0]}])],
    "keras_text_vectorization": [([["Green red"]], [{"output_0": [3, 2, 0]}])],
    "keras_2": [([[1]], [{"layer": [3.0]}])],
    "two_signatures": [([3], [{"y": 6.0}])],
    "table_of_an_asset": [(["green", LONG], [{"id": 1}, {"id": -1}])],
    "mutable_table": [([LONG, "a", "b"], [{"id": 2}, {"id": 1}, {"id": -1}])],
    "remembers_strings": [
        ([LONG], [{"variable": "nothing", "table": "nothing"}]),
        (["short"], [{"variable": LONG, "table": LONG}]),
        ([LONG], [{"variable": "short", "table": "short"}]),
    ],
    "counter": [([0], [{"y": 1.0}]), ([0], [{"y": 2.0}])],
    "ragged_inside": [(["a b", ""], [{"words": 2}, {"words": 0}])],
    "integers": [([2**53 + 1], [{"y": 2**53 + 2}])],
    "image_bytes": [([{"b64": IMAGE}], [{"sum": 253, "same_bytes": {"b64": IMAGE}}])],
    "unknown_rank": [([[[1, 2]]], [{"y": [[2.0, 4.0]]}]), ([3], [{"y": 6.0}])],
    "control_flow": [([1, 8], [{"y": 16.0}, {"y": 128.0}]), ([-1], [{"y": -16.0}])],
    "compiled": [([3], [{"y": 10.0}])],
    "types": [
        (
            [TYPES],
            [
                {
                    "brain": 0.10009765625,
                    "double_out": 0.1,
                    "half_out": 0.5,
                    "byte_out": 255,
                    "flag_out": True,
                    "small_out": -300,
                }
            ],
        )
    ],
    "parse_example": [([{"b64": EXAMPLE}], [{"y": 4.0, "tag": []}])],
    "scalar_output": [([3], [{"mean": 3.0}])],
    "fixed_batch": [([[1, 2, 3], [4, 5, 6]], [{"y": 6.0}, {"y": 15.0}])],
    "heavy": [([[2], [3]], [{"y": [2.0]}, {"y": [3.0]}])],
    "on_a_gpu": [([2], [{"y": 4.0}])],
    "version_1_frozen": [([2], [{"y": 6.0}])],
    "version_1_references": [(["a", "b"], [{"y": 10.0}, {"y": 5.0}])],
    "version_1_resources": [([2], [{"y": 20.0}])],
}

FAILED: dict[str, tuple[list[Any], str]] = {
    "ragged_input": ([{"x": 1.0, "x_1": 0}], "Exception during running the graph: "),
    "scalar_input": ([{"x": 1.0, "rate": 2.0}], "Input rate has no batch dimension"),
    "version_1_sparse_input": ([[1, 2, 3]], "x is not one tensor: a sparse or composite one cannot be served"),
}
"""Models that are loaded, with a request that they cannot answer."""

REFUSED = {
    "keras_save": "reads 2 variables that the SavedModel does not restore (",
    "keras_in_module": "export it with model.export(PATH), or give the saved tf.Module the variables",
    "variable_that_is_not_saved": '"Could not find variable factor". Save the object that owns the variables.',
    "reference_that_is_not_saved": 'would answer every request with "Attempting to use uninitialized value factor".',
    "numpy_function": "No OpKernel was registered to support Op 'PyFunc'",
    "py_function_in_a_branch": "No OpKernel was registered to support Op 'EagerPyFunc'",
    "table_without_initializer": "signature serving_default fails on every request: Table not initialized.",
    "no_signature": "MetaGraph must have at least one signature_def.",
    "training_graph": "tags: ['serve']\nCould not find meta graph def matching supplied tags: { serve }",
    "damaged_graph": "Failed to load the model due to bad model data. tags: ['serve']\n",
    "damaged_values": "Failed to load the model due to bad model data. tags: ['serve']\nRead less bytes than requested",
    "no_values": "The folder has no variables/variables.index: copy all that was saved.",
    "only_index": "Failed to load the model due to bad model data. tags: ['serve']\n",
    "unknown_operation": "it uses the operation StringLowez, which TensorFlow does not have. If it is one of "
    "tensorflow-text's, which TensorFlow Serving has, and so Google's servers serve this model: pip install",
    "no_such_folder": "Cloud ML only supports TF 1.0 or above and models saved in SavedModel format.",
}
IN_PYTHON = {
    "fixed_batch": "Cannot feed value of shape (2, 3)",
    "table_without_initializer": "Table not initialized.",
    "training_graph": "MetaGraphDef associated with tags 'serve' could not be found",
    "damaged_values": "Read less bytes than requested",
    "no_values": "variables/variables",
}
"""What the Python library says otherwise."""
JOINABLE = {
    "counter": [],
    "scalar_output": [],
    "control_flow": [],
    "fixed_batch": [],
    "two_signatures": ["serving_default", "square"],
}


@pytest.fixture(scope="module", params=["c", "python"])
def verdicts(request: pytest.FixtureRequest, kinds: Path) -> dict[str, Any]:
    """Of one process that loads every model."""
    requests = {name: [instances for instances, _ in cases] for name, cases in SERVED.items()}
    requests |= {name: [instances] for name, (instances, _) in FAILED.items()}
    requests |= {name: [] for name in (*REFUSED, "trainer")}
    argv = [sys.executable, "-m", "integration.serving.verdicts", request.param, str(kinds)]
    done = subprocess.run(
        argv, input=json.dumps(requests).encode(), env=ENVIRON, cwd=TESTS, capture_output=True, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"in_python": request.param == "python"}


@pytest.mark.parametrize("name", SERVED)
def test_a_model_that_is_served(verdicts: dict[str, Any], name: str) -> None:
    if verdicts["in_python"] and name in IN_PYTHON:
        assert IN_PYTHON[name] in verdicts[name]["predictions"][0]
        return
    assert verdicts[name].get("predictions") == [predictions for _, predictions in SERVED[name]], verdicts[name]


@pytest.mark.parametrize("name", FAILED)
def test_a_model_that_is_loaded_but_cannot_answer(verdicts: dict[str, Any], name: str) -> None:
    (text,) = verdicts[name]["predictions"]
    assert FAILED[name][1] in text


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_refused(verdicts: dict[str, Any], name: str) -> None:
    refusal = verdicts[name]["refused"]
    assert refusal.startswith("Failed to load model: ")
    assert (IN_PYTHON.get(name, REFUSED[name]) if verdicts["in_python"] else REFUSED[name]) in refusal
    assert refusal.endswith("(Error code: 0)")


def test_signatures_whose_requests_share_a_call(verdicts: dict[str, Any]) -> None:
    assert {name: verdicts[name]["joinable"] for name in JOINABLE} == JOINABLE


def test_the_sample_trainers_export_has_five_named_inputs(verdicts: dict[str, Any]) -> None:
    column = {"dtype": "float32", "shape": [None]}
    names = ("dropofflat", "dropofflon", "passengers", "pickuplat", "pickuplon")
    assert verdicts["trainer"]["signatures"]["serving_default"] == {
        "inputs": dict.fromkeys(names, column),
        "outputs": {"predictions": {"dtype": "float32", "shape": [None, 1]}},
    }


def test_the_inputs_of_a_ragged_tensor(verdicts: dict[str, Any]) -> None:
    assert list(verdicts["ragged_input"]["signatures"]["serving_default"]["inputs"]) == ["x", "x_1"]
