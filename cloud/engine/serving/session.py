"""``Session``: a SavedModel in memory, whichever of TensorFlow's interfaces loaded it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from cloud.wire.protobuf import Message, varint_field

Call = Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]
"""From the arrays of the fed tensors to those of the fetched ones. Raises ``TensorFlowError``. Not thread-safe."""

_INTRA_OP, _INTER_OP, _SOFT_PLACEMENT = 2, 5, 7
"""Field numbers of ``ConfigProto`` (tensorflow/core/protobuf/config.proto)."""


@dataclass(frozen=True, slots=True)
class Threads:
    """What runs a call. See ``ConfigProto``: 0 is one thread for each processor."""

    intra_op: int
    """Threads that share one operation."""
    inter_op: int
    """Threads for different operations; -1: the caller's."""

    def as_config(self) -> bytes:
        """A ``ConfigProto`` with these numbers, in which an operation whose device is missing runs on another."""
        numbers = ((_INTRA_OP, self.intra_op), (_INTER_OP, self.inter_op), (_SOFT_PLACEMENT, 1))
        return b"".join(varint_field(number, value) for number, value in numbers)


IN_CALLER = Threads(intra_op=1, inter_op=-1)
"""A call stays in the thread that makes it: four times as fast as ``SHARED`` for a small model."""
SHARED = Threads(intra_op=0, inter_op=0)
"""TensorFlow's own default, for models that compute for longer than it takes to wake a thread."""


class Session(Protocol):
    """A loaded SavedModel."""

    @property
    def meta_graph(self) -> Message:
        """The ``MetaGraphDef`` that was loaded. Invalid once the session is closed."""

    def bind(self, feeds: Sequence[tuple[str, str]], fetches: Sequence[str]) -> Call:
        """A call of the graph.

        Args:
            feeds: name and type of each tensor that is given: ``("x:0", "float32")``.
            fetches: names of the tensors that are returned.

        Raises:
            TensorFlowError: there is no such tensor.
        """

    def are_initialized(self, probes: Mapping[str, str]) -> dict[str, bool]:
        """Whether variables have values.

        Args:
            probes: the type of operation that tells, by the node that holds the variable.

        Raises:
            TensorFlowError: a node is missing, or is no variable.
        """

    def close(self) -> None:
        """Free its memory. Call nothing afterwards."""
