"""Loads and calls a SavedModel as TensorFlow Serving does, which Google's servers run."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.engine.serving.dtypes import NUMBERS, NUMPY
from cloud.engine.serving.failure import FAILED_PRECONDITION, UNIMPLEMENTED, TensorFlowError
from cloud.engine.serving.instances import to_batch, to_predictions
from cloud.engine.serving.loading import TAGS, Opener, open_session
from cloud.engine.serving.meta_graph import GraphSignature, read_signatures
from cloud.engine.serving.refusals import load_error, one_line, refused
from cloud.engine.serving.session import IN_CALLER, SHARED, Call, Session, Threads
from cloud.engine.serving.signatures import Signature, TensorSpec
from cloud.engine.serving.verdict import check_graph
from cloud.errors import BY_NUMBER, CloudError, InvalidArgument, PredictionFailed
from cloud.resources import Json

Batch = dict[str, NDArray[Any]]

_WARM_UP_REQUESTS = "assets.extra/tf_serving_warmup_requests"
QUICK_CALL = 0.001
"""Seconds. A model whose calls take longer gets threads of its own: they compute for longer than it takes to wake
them."""


class SavedModel:
    """A model in memory. Not thread-safe.

    Args:
        path: the folder with ``saved_model.pb``, local or on a file system of TensorFlow's (``gs://``).
        opener: loads it.

    Raises:
        FailedPrecondition: it cannot be served; texts are those of the prediction library in the Cloud SDK, or say what
            TensorFlow Serving would do.
    """

    def __init__(self, path: str, opener: Opener = open_session) -> None:
        self._path, self._opener = path, opener
        self._open(IN_CALLER)
        self.signatures: dict[str, Signature] = {name: known.signature for name, known in self._known.items()}

    def _open(self, threads: Threads) -> None:
        try:
            self._session: Session = self._opener(self._path, threads)
            try:
                self._known: dict[str, GraphSignature] = read_signatures(self._session.meta_graph)
                if not self._known:
                    raise refused("MetaGraph must have at least one signature_def.")
                self._stateful = check_graph(self._session, self._known, self._path)
                self._calls = {name: _bind(self._session, known) for name, known in self._known.items()}
            except BaseException:
                self._session.close()
                raise
        except (TensorFlowError, ValueError) as error:
            raise load_error(error, self._path, TAGS) from error

    @property
    def notes(self) -> list[str]:
        """Sentences about what TensorFlow Serving would do otherwise."""
        if "://" in self._path or not Path(self._path, _WARM_UP_REQUESTS).is_file():
            return []
        return [
            f"{_WARM_UP_REQUESTS} is ignored: TensorFlow Serving would replay its requests when it loads the model."
        ]

    def prepare(self, signature: str, instances: list[Json]) -> Batch:
        """The input arrays for ``instances``, which are not empty.

        Raises:
            PredictionFailed: they do not fit the signature.
        """
        return to_batch(instances, self.signatures[signature].inputs)

    def run(self, signature: str, batch: Batch, count: int) -> list[dict[str, Json]]:
        """Predictions for the ``count`` rows of ``batch``.

        Raises:
            PredictionFailed: the model fails on them, or does not return a row for each. If the model failed, the cause
                is a ``TensorFlowError``.
        """
        return to_predictions(self._call(signature, batch), count)

    def call(self, signature: str, batch: Batch) -> Mapping[str, NDArray[Any]]:
        """The outputs for ``batch``, whatever their sizes.

        Raises:
            CloudError: the model fails, with TensorFlow's code and text.
        """
        try:
            return self._call(signature, batch)
        except PredictionFailed as error:
            cause = error.__cause__
            if not isinstance(cause, TensorFlowError):
                raise
            kind = BY_NUMBER.get(cause.code, CloudError)
            raise (PredictionFailed if kind is InvalidArgument else kind)(cause.message) from cause

    def warm_up(self) -> frozenset[str]:
        """Call every signature, as only later calls are fast, and choose the threads by how long that takes.

        Returns the signatures whose requests may share a call: those whose outputs for a row do not depend on the other
        rows, as they would if the model took the batch's mean. A signature that cannot process zeros and ones (an image
        decoder, for example) is judged by its shapes alone.

        Raises:
            FailedPrecondition: a signature fails whatever its inputs are.
        """
        joinable = frozenset(name for name in self.signatures if self._rows_are_independent(name))
        is_slow = any(self._duration(name) > QUICK_CALL for name in self.signatures)
        if is_slow or self._stateful:  # state is as the SavedModel has it until the first request, as at Google
            self._session.close()
            self._open(SHARED if is_slow else IN_CALLER)
            for name in self.signatures.keys() - self._stateful:
                self._duration(name)
        return joinable

    def _rows_are_independent(self, name: str) -> bool:
        signature = self.signatures[name]
        try:
            alone = self._call(name, _example(signature.inputs, 1))
            together = self._call(name, _example(signature.inputs, 2))
        except PredictionFailed as error:
            _check_cause(name, error.__cause__)
            return signature.may_batch
        return signature.may_batch and all(
            len(together[alias]) == 2 and _same(alone[alias], together[alias][:1]) for alias in alone
        )

    def _duration(self, name: str) -> float:
        """Seconds that a call takes; 0 if it fails."""
        batch = _example(self.signatures[name].inputs, 1)
        durations = []
        for _ in range(2):
            begin = time.perf_counter()
            try:
                self._call(name, batch)
            except PredictionFailed:
                return 0.0
            durations.append(time.perf_counter() - begin)
        return min(durations)

    def _call(self, name: str, batch: Batch) -> Mapping[str, NDArray[Any]]:
        known = self._known[name]
        try:
            outputs = self._calls[name]([batch[alias] for alias in known.inputs])
        except TensorFlowError as error:
            raise PredictionFailed(f"Exception during running the graph: {one_line(error.message)}") from error
        return dict(zip(known.outputs, outputs, strict=True))


def _bind(session: Session, known: GraphSignature) -> Call:
    specs = known.signature.inputs
    for alias, tensor in (*known.inputs.items(), *known.outputs.items()):
        if not tensor:
            return _failing(f"{alias} is not one tensor: a sparse or composite one cannot be served")
    for alias, spec in specs.items():
        if spec.dtype != "string" and NUMBERS.get(spec.dtype) not in NUMPY:
            return _failing(f"input {alias} is {spec.dtype}, which instances cannot give")
    given = list(known.inputs.values())
    computed = [tensor for tensor in known.outputs.values() if tensor not in given]  # TensorFlow refuses the others
    call = session.bind([(tensor, spec.dtype) for tensor, spec in zip(given, specs.values(), strict=True)], computed)
    if len(computed) == len(known.outputs):
        return call

    def call_and_return_inputs(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        tensors = dict(zip(computed, call(arrays) if computed else (), strict=True))
        tensors.update(zip(given, arrays, strict=True))
        return [tensors[tensor] for tensor in known.outputs.values()]

    return call_and_return_inputs


def _failing(text: str) -> Call:
    def call(_: object) -> list[NDArray[Any]]:
        raise TensorFlowError(UNIMPLEMENTED, text)

    return call


def _check_cause(name: str, cause: BaseException | None) -> None:
    """Refuse a model whose call failed for a reason that no input changes.

    Raises:
        FailedPrecondition: it was such a reason.
    """
    if isinstance(cause, TensorFlowError) and (
        cause.code == FAILED_PRECONDITION or "No OpKernel was registered" in cause.message
    ):
        raise refused(
            f"signature {name} fails on every request: {one_line(cause.message)} TensorFlow Serving, which Google's "
            "servers run, would answer every request with this."
        )


def _example(inputs: Mapping[str, TensorSpec], rows: int) -> Batch:
    """Row 0 all zeros (or empty strings), row 1 all ones."""
    batch = {}
    for alias, spec in inputs.items():
        sizes = [size or 1 for size in (spec.shape or ())[1:]]
        values = [b"", b"1"][:rows] if spec.dtype == "string" else range(rows)
        dtype = NUMPY.get(NUMBERS.get(spec.dtype, 0), np.dtype(object))
        if spec.shape == ():
            batch[alias] = np.array(values[0], dtype=dtype)
        else:
            column = np.array(values, dtype=dtype).reshape([rows] + [1] * len(sizes))
            batch[alias] = np.broadcast_to(column, [rows, *sizes])
    return batch


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    if left.dtype.kind in "fc":
        return bool(np.allclose(left, right, rtol=1e-3, atol=1e-5, equal_nan=True))
    return bool(np.array_equal(left, right))
