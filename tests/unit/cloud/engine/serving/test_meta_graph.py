import pytest

from cloud.engine.serving.meta_graph import Graph, Variable, holds_keras, read_signatures
from cloud.engine.serving.signatures import Signature, TensorSpec
from meta_graphs import field, meta_graph, node, signature, tensor


def test_signatures_by_key():
    inputs = {"y": tensor("a:0", 7, [-1, 2]), "x": tensor("b:0", 1, None)}
    outputs = {"z": tensor("c:1", 101, ()), "sparse": field(2, 1) + field(4, b"")}
    message = field(5, signature("predict", inputs, outputs, "tensorflow/serving/predict"))
    message += field(5, signature("__saved_model_init_op", {}, {"op": "init"}))
    ((key, found),) = read_signatures(message).items()
    assert key == "predict"
    assert found.signature == Signature(
        {"x": TensorSpec("float32", None), "y": TensorSpec("string", (None, 2))},
        {"sparse": TensorSpec("float32", ()), "z": TensorSpec("float32", ())},
    )
    assert list(found.signature.inputs) == ["x", "y"]
    assert (found.inputs, found.outputs) == ({"x": "b:0", "y": "a:0"}, {"sparse": "", "z": "c:1"})
    assert found.method_name == "tensorflow/serving/predict"


def test_variables_that_an_output_needs():
    graph = Graph(
        meta_graph(
            [
                node("kernel", "VarHandleOp", shared_name="dense/kernel"),
                node("read", "StatefulPartitionedCall", "x:0", "kernel:0", calls=["body"]),
                node("old", "VariableV2"),
                node("by_control", "Identity", "old"),
                node("written", "VarHandleOp"),
                node("write", "AssignVariableOp", "written", "x"),
                node("other", "VarHandleOp", shared_name="not/needed"),
                node("out", "Identity", "read:1", "^by_control", "^write"),
                node("x", "Placeholder"),
            ],
            outputs={},
        )
    )
    assert graph.dependencies(["out:0"]).variables == {
        "kernel": Variable("dense/kernel", "VarIsInitializedOp"),
        "old": Variable("old", "IsVariableInitialized"),
    }
    assert Variable("v", "VarIsInitializedOp").error == "Could not find variable v"


def test_operations_in_functions_and_their_branches():
    functions = {
        "body": [node("if", "If", calls=["then", "else"])],
        "then": [node("a", "PyFunc")],
        "else": [node("again", "PartitionedCall", calls=["body"])],
        "unused": [node("b", "EagerPyFunc")],
    }
    graph = Graph(meta_graph([node("call", "body")], outputs={}, functions=functions))
    assert graph.dependencies(["call:0"]).operations == {"body", "If", "PyFunc", "PartitionedCall"}
    assert graph.dependencies(["nothing:0"]).operations == set()


@pytest.mark.parametrize(
    ("operation", "changes"),
    [("AssignAddVariableOp", True), ("LookupTableInsertV2", True), ("ResourceGather", False), ("MatMul", False)],
)
def test_a_call_that_changes_state(operation, changes):
    graph = Graph(meta_graph([node("out", operation)], outputs={}))
    assert graph.dependencies(["out"]).change_state is changes


def test_keras_is_seen_by_the_attributes_of_its_layers():
    assert holds_keras(meta_graph([], outputs={}, objects=b"..._losses_override..."))
    assert not holds_keras(meta_graph([node("_losses_override", "NoOp")], outputs={}))


def test_a_damaged_message_is_an_error():
    message = meta_graph([node("out", "Identity")], outputs={"y": "out:0"})
    with pytest.raises(ValueError, match="cut short"):
        Graph(message[:10])
