"""Reads what serving needs of a ``MetaGraphDef``: signatures, and what an output depends on. Pure.

Messages: tensorflow/core/protobuf/meta_graph.proto, and graph, node_def, function and attr_value in
tensorflow/core/framework.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cloud.engine.serving.dtypes import name_of
from cloud.engine.serving.signatures import INTERNAL_SIGNATURES, Signature, TensorSpec
from cloud.wire.protobuf import Message, fields, messages, signed, text

_GRAPH, _SIGNATURES, _OBJECTS = 2, 5, 7
"""Fields of ``MetaGraphDef``."""
_VARIABLES = {
    "VarHandleOp": "VarIsInitializedOp",
    "Variable": "IsVariableInitialized",
    "VariableV2": "IsVariableInitialized",
}
"""The operation that tells whether a variable has a value, by the operation that holds it."""
_UNINITIALIZED = {
    "VarIsInitializedOp": "Could not find variable {}",
    "IsVariableInitialized": "Attempting to use uninitialized value {}",
}
_CHANGES = ("Assign", "Resource", "Scatter", "LookupTableInsert", "LookupTableRemove", "LookupTableImport")
"""How the names of operations begin that change a variable or a table."""
_GATHERS = frozenset({"ResourceGather", "ResourceGatherNd"})
_NOT_READS = frozenset({"AssignVariableOp", "VarIsInitializedOp", "Assign", "IsVariableInitialized"})
"""Operations that take a variable as their first input, and need no value in it."""


_EMPTY = memoryview(b"")


@dataclass(frozen=True, slots=True)
class GraphSignature:
    """A signature, and the names of its tensors in the graph by alias. A name is empty where the alias stands for
    several tensors (a sparse one, for example)."""

    signature: Signature
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    method_name: str


@dataclass(slots=True)
class Dependencies:
    """What a signature's outputs depend on."""

    variables: dict[str, "Variable"] = field(default_factory=dict)
    """By the node that holds it."""
    operations: set[str] = field(default_factory=set)
    """Types, also those in the functions that are called."""

    @property
    def change_state(self) -> bool:
        """Whether a call may change what later calls return."""
        return any(operation.startswith(_CHANGES) and operation not in _GATHERS for operation in self.operations)


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    """As TensorFlow's errors name it."""
    probe: str
    """The type of operation that tells whether it has a value."""

    @property
    def error(self) -> str:
        """TensorFlow's, on reading it without a value."""
        return _UNINITIALIZED[self.probe].format(self.name)


def read_signatures(meta_graph: Message) -> dict[str, GraphSignature]:
    """Signatures for prediction, by key.

    Raises:
        ValueError: the message is damaged.
    """
    found = {}
    for entry in messages(meta_graph, _SIGNATURES):
        name = text(entry, 1)
        if name not in INTERNAL_SIGNATURES:
            found[name] = _signature(next(messages(entry, 2), _EMPTY))
    return found


def holds_keras(meta_graph: Message) -> bool:
    """Whether Keras layers were saved: their attributes are in the object graph."""
    marks = (b"_losses_override", b"_tf_keras_")
    return any(mark in bytes(graph) for graph in messages(meta_graph, _OBJECTS) for mark in marks)


class Graph:
    """The graph of a ``MetaGraphDef``.

    Raises:
        ValueError: the message is damaged.
    """

    def __init__(self, meta_graph: Message) -> None:
        self._nodes: dict[str, memoryview] = {}
        self._functions: dict[str, memoryview] = {}
        for graph in messages(meta_graph, _GRAPH):
            self._nodes.update((text(node, 1), node) for node in messages(graph, 1))
            for library in messages(graph, 2):
                for function in messages(library, 1):
                    self._functions[text(next(messages(function, 1), _EMPTY), 1)] = function

    def dependencies(self, tensors: Iterable[str]) -> Dependencies:
        """What ``tensors`` depend on: by data and by control, in the graph and in its functions."""
        found = Dependencies()
        pending, seen = [_node_name(tensor) for tensor in tensors], set[str]()
        calls: set[str] = set()
        while pending:
            name = pending.pop()
            if name in seen or name not in self._nodes:
                continue
            seen.add(name)
            node = _Node(self._nodes[name])
            found.operations.add(node.operation)
            calls.update(node.functions())
            if probe := _VARIABLES.get(node.operation):
                found.variables[name] = Variable(node.shared_name() or name, probe)
            inputs = node.inputs[1:] if node.operation in _NOT_READS else node.inputs
            pending += map(_node_name, inputs)
        self._add_functions(calls, found)
        return found

    def _add_functions(self, calls: set[str], found: Dependencies) -> None:
        pending, seen = list(calls), set[str]()
        while pending:
            name = pending.pop()
            if name in seen or name not in self._functions:
                continue
            seen.add(name)
            for message in messages(self._functions[name], 3):
                node = _Node(message)
                found.operations.add(node.operation)
                pending += node.functions()


class _Node:
    """A ``NodeDef``."""

    def __init__(self, message: memoryview) -> None:
        self.operation = ""
        self.inputs: list[str] = []
        self._attributes: list[memoryview] = []
        for number, value in fields(message):
            match number, value:
                case 2, memoryview():
                    self.operation = str(value, "utf-8")
                case 3, memoryview():
                    self.inputs.append(str(value, "utf-8"))
                case 5, memoryview():
                    self._attributes.append(value)

    def functions(self) -> Iterator[str]:
        """The functions that it may call; also its own type, which may be a function's name."""
        yield self.operation
        for attribute in self._attributes:
            for value in messages(attribute, 2):
                for number, content in fields(value):
                    if number == 10 and not isinstance(content, int):  # func
                        yield text(content, 1)
                    elif number == 1 and not isinstance(content, int):  # list
                        yield from (text(function, 1) for function in messages(content, 9))

    def shared_name(self) -> str:
        for attribute in self._attributes:
            if text(attribute, 1) == "shared_name":
                return text(next(messages(attribute, 2), _EMPTY), 2)
        return ""


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _signature(message: memoryview) -> GraphSignature:
    names: tuple[dict[str, str], dict[str, str]] = {}, {}
    specs: tuple[dict[str, TensorSpec], dict[str, TensorSpec]] = {}, {}
    for side, number in enumerate((1, 2)):
        for alias, entry in sorted({text(entry, 1): entry for entry in messages(message, number)}.items()):
            names[side][alias], specs[side][alias] = _tensor(next(messages(entry, 2), _EMPTY))
    return GraphSignature(Signature(*specs), *names, text(message, 3))


def _tensor(message: memoryview) -> tuple[str, TensorSpec]:
    """Name and description of a ``TensorInfo``."""
    name, dtype = "", 0
    shape: tuple[int | None, ...] | None = ()
    for number, value in fields(message):
        match number, value:
            case 1, memoryview():
                name = str(value, "utf-8")
            case 2, int():
                dtype = value
            case 3, memoryview():
                shape = _shape(value)
    return name, TensorSpec(name_of(dtype), shape)


def _shape(message: memoryview) -> tuple[int | None, ...] | None:
    """Of a ``TensorShapeProto``; None for an unknown rank."""
    sizes: list[int | None] = []
    for number, value in fields(message):
        if number == 3 and value:
            return None
        if number == 2 and not isinstance(value, int):
            size = next((size for field_number, size in fields(value) if field_number == 1), 0)
            sizes.append(signed(size) if isinstance(size, int) and signed(size) >= 0 else None)
    return tuple(sizes)
