"""Whether TensorFlow Serving could answer requests to a model that it has loaded.

It loads models whose every call fails: those that read variables which the SavedModel does not restore
(keras-team/keras#19274, tensorflow/serving#2250), and those that call Python. Here they are refused.
"""

from collections.abc import Mapping
from pathlib import Path

from cloud.engine.serving.meta_graph import Graph, GraphSignature, Variable, holds_keras
from cloud.engine.serving.refusals import refused
from cloud.engine.serving.session import Session

_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_INDEX = "variables/variables.index"
_SHOWN = 3
"""Variables that a message names."""


def check_graph(session: Session, signatures: Mapping[str, GraphSignature], path: str) -> frozenset[str]:
    """Check every signature without calling it; returns those whose calls change the model's state.

    Args:
        path: the SavedModel's folder.

    Raises:
        FailedPrecondition: calls of a signature would fail whatever their inputs are.
        TensorFlowError: the variables cannot be examined.
        ValueError: the graph is damaged.
    """
    graph = Graph(session.meta_graph)
    needed: dict[str, Mapping[str, Variable]] = {}
    stateful = set()
    for name, signature in signatures.items():
        dependencies = graph.dependencies(signature.outputs.values())
        if python := sorted(dependencies.operations & _PYTHON):
            raise refused(
                f"signature {name} calls Python code of the program that saved it, by tf.numpy_function or "
                "tf.py_function. TensorFlow Serving, which Google's servers run, would answer every request with "
                f"\"No OpKernel was registered to support Op '{python[0]}'\". Write that code with TensorFlow's own "
                "operations."
            )
        needed[name] = dependencies.variables
        if dependencies.change_state:
            stateful.add(name)
    probes = {node: variable.probe for variables in needed.values() for node, variable in variables.items()}
    initialized = session.are_initialized(probes)
    for name, variables in needed.items():
        missing = [variable for node, variable in variables.items() if not initialized[node]]
        if missing:
            raise refused(_not_restored(name, missing, _mend(session, path)))
    return frozenset(stateful)


def _mend(session: Session, path: str) -> str:
    if "://" not in path and not Path(path, _INDEX).is_file():
        return f"The folder has no {_INDEX}: copy all that was saved."
    return (
        "A Keras 3 model was saved with tf.saved_model.save: export it with model.export(PATH), or give the saved "
        "tf.Module the variables before saving: module.variables_of_keras = [v.value for v in model.variables]."
        if holds_keras(session.meta_graph)
        else "Save the object that owns the variables."
    )


def _not_restored(signature: str, variables: list[Variable], mend: str) -> str:
    variables = sorted(variables, key=lambda variable: variable.name)
    shown = ", ".join(variable.name for variable in variables[:_SHOWN]) + (", …" if len(variables) > _SHOWN else "")
    return (
        f"signature {signature} reads {len(variables)} variable{'s' if len(variables) > 1 else ''} that the SavedModel "
        f"does not restore ({shown}). TensorFlow Serving, which Google's servers run, would answer every request with "
        f'"{variables[0].error}". {mend}'
    )
