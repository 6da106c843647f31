"""``CSession``: a SavedModel that TensorFlow's C API loaded, as TensorFlow Serving loads it."""

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import c_char_p, c_void_p
from typing import Any

from numpy.typing import NDArray

from cloud.engine.serving.c_tensors import Tensors
from cloud.engine.serving.dtypes import NUMBERS
from cloud.engine.serving.failure import NOT_FOUND, TensorFlowError
from cloud.engine.serving.session import Call, Threads
from cloud.engine.serving.tensorflow_c import Library, Output


class CSession:
    """See ``Session``.

    Args:
        path: the SavedModel's folder, local or on a file system of TensorFlow's (``gs://``).

    Raises:
        TensorFlowError: it cannot be loaded.
    """

    def __init__(self, library: Library, path: str, tags: Sequence[str], threads: Threads) -> None:
        self._library = library
        self._tensors = Tensors(library)
        self._status = library.TF_NewStatus()
        self._graph = library.TF_NewGraph()
        self._meta_graph = library.TF_NewBuffer()
        options = library.TF_NewSessionOptions()
        config, names = threads.as_config(), (c_char_p * len(tags))(*(tag.encode() for tag in tags))
        library.TF_SetConfig(options, config, len(config), self._status)
        self._session = library.TF_LoadSessionFromSavedModel(
            *(options, None, path.encode(), names, len(tags), self._graph, self._meta_graph, self._status)
        )
        library.TF_DeleteSessionOptions(options)
        try:
            library.check(self._status)
        except TensorFlowError:
            self._free()
            raise

    @property
    def meta_graph(self) -> memoryview:
        buffer = self._meta_graph.contents
        if not buffer.length:
            return memoryview(b"")
        return memoryview((ctypes.c_ubyte * buffer.length).from_address(buffer.data)).cast("B")

    def bind(self, feeds: Sequence[tuple[str, str]], fetches: Sequence[str]) -> Call:
        library, tensors = self._library, self._tensors
        session, status = self._session, self._status
        given = (Output * len(feeds))(*(self._output(name) for name, _ in feeds))
        wanted = (Output * len(fetches))(*(self._output(name) for name in fetches))
        dtypes = [NUMBERS[dtype] for _, dtype in feeds]
        inputs, outputs = (c_void_p * len(feeds))(), (c_void_p * len(fetches))()
        make, read, run, delete = tensors.make, tensors.read, library.TF_SessionRun, library.TF_DeleteTensor
        code, counts = library.TF_GetCode, (len(feeds), len(fetches))

        def call(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
            try:
                for place, dtype in enumerate(dtypes):
                    inputs[place] = make(arrays[place], dtype)
                run(session, None, given, inputs, counts[0], wanted, outputs, counts[1], None, 0, None, status)
                if code(status):
                    library.check(status)
                return [read(tensor) for tensor in outputs if tensor]
            finally:
                for values in (inputs, outputs):
                    for place, tensor in enumerate(values):
                        if tensor:
                            delete(tensor)
                            values[place] = None

        return call

    def are_initialized(self, probes: Mapping[str, str]) -> dict[str, bool]:
        names = []
        for number, (node, kind) in enumerate(probes.items()):
            name = self._unused(f"cloud_probe/{number}")
            description = self._library.TF_NewOperation(self._graph, kind.encode(), name.encode())
            self._library.TF_AddInput(description, self._output(node))
            self._library.TF_FinishOperation(description, self._status)
            self._library.check(self._status)
            names.append(name)
        values = self.bind((), names)(()) if names else ()
        return {node: bool(value) for node, value in zip(probes, values, strict=True)}

    def close(self) -> None:
        self._library.TF_CloseSession(self._session, self._status)
        self._library.TF_DeleteSession(self._session, self._status)
        self._free()

    def _free(self) -> None:
        self._library.TF_DeleteGraph(self._graph)
        self._library.TF_DeleteBuffer(self._meta_graph)
        self._library.TF_DeleteStatus(self._status)

    def _output(self, name: str) -> Output:
        operation, _, index = name.partition(":")
        found = self._library.TF_GraphOperationByName(self._graph, operation.encode())
        if not found or int(index or 0) >= self._library.TF_OperationNumOutputs(found):
            raise TensorFlowError(NOT_FOUND, f"the graph has no tensor {name}")
        return Output(found, int(index or 0))

    def _unused(self, name: str) -> str:
        while self._library.TF_GraphOperationByName(self._graph, name.encode()):
            name += "_"
        return name
