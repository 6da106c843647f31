from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud.engine.serving.meta_graph import read_signatures
from cloud.engine.serving.verdict import check_graph
from cloud.errors import FailedPrecondition
from meta_graphs import meta_graph, node

HANDLES = [node(f"v{number}", "VarHandleOp", shared_name=f"model/v{number}") for number in range(4)]
OUT = node("out", "AddN", *(f"v{number}" for number in range(4)))


@dataclass
class Loaded:
    """A session whose variables ``missing`` have no values."""

    meta_graph: bytes
    missing: Sequence[str] = ()
    probed: list[str] = field(default_factory=list)

    def are_initialized(self, probes: Mapping[str, str]) -> dict[str, bool]:
        self.probed = list(probes)
        return {name: name not in self.missing for name in probes}


def check(session: Loaded, path: str = "gs://bucket/model") -> frozenset[str]:
    return check_graph(session, read_signatures(session.meta_graph), path)  # type: ignore[arg-type]


def test_variables_with_values():
    session = Loaded(meta_graph([*HANDLES, node("unused", "VarHandleOp"), OUT], outputs={"y": "out:0"}), ["unused"])
    assert check(session) == frozenset()
    assert sorted(session.probed) == ["v0", "v1", "v2", "v3"]


def test_a_signature_that_changes_a_variable():
    add = node("add", "AssignAddVariableOp", "v0", "one")
    assert check(Loaded(meta_graph([*HANDLES, add], outputs={"y": "add"}))) == {"serving_default"}


@pytest.mark.parametrize(
    ("missing", "objects", "text"),
    [
        (
            ["v3", "v2", "v1", "v0"],
            b"_losses_override",
            "Failed to load model: signature serving_default reads 4 variables that the SavedModel does not restore "
            "(model/v0, model/v1, model/v2, …). TensorFlow Serving, which Google's servers run, would answer every "
            'request with "Could not find variable model/v0". A Keras 3 model was saved with tf.saved_model.save: '
            "export it with model.export(PATH), or give the saved tf.Module the variables before saving: "
            "module.variables_of_keras = [v.value for v in model.variables]. (Error code: 0)",
        ),
        (
            ["v2"],
            b"",
            "Failed to load model: signature serving_default reads 1 variable that the SavedModel does not restore "
            "(model/v2). TensorFlow Serving, which Google's servers run, would answer every request with "
            '"Could not find variable model/v2". Save the object that owns the variables. (Error code: 0)',
        ),
    ],
    ids=["keras", "other"],
)
def test_variables_that_were_not_restored(missing: list[str], objects: bytes, text: str):
    with pytest.raises(FailedPrecondition) as refusal:
        check(Loaded(meta_graph([*HANDLES, OUT], outputs={"y": "out:0"}, objects=objects), missing))
    assert refusal.value.message == text


def test_a_folder_without_the_file_of_variables(tmp_path: Path):
    session = Loaded(meta_graph([*HANDLES, OUT], outputs={"y": "out:0"}), ["v0", "v1", "v2", "v3"])
    with pytest.raises(FailedPrecondition, match=r"The folder has no variables/variables\.index: copy all"):
        check(session, str(tmp_path))
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables/variables.index").touch()
    with pytest.raises(FailedPrecondition, match="Save the object that owns"):
        check(session, str(tmp_path))


def test_python_code_in_a_function():
    call = node("out", "StatefulPartitionedCall", calls=["body"])
    session = Loaded(meta_graph([call], outputs={"y": "out:0"}, functions={"body": [node("f", "EagerPyFunc")]}))
    with pytest.raises(
        FailedPrecondition, match=r"tf\.py_function.*No OpKernel was registered to support Op 'EagerPyFunc'"
    ):
        check(session)
