"""NumPy arrays to tensors of TensorFlow's C API, and back."""

import ctypes
import itertools
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.engine.serving.dtypes import BFLOAT16, NUMPY, STRING, name_of, widen_bfloat16
from cloud.engine.serving.failure import UNIMPLEMENTED, TensorFlowError
from cloud.engine.serving.tensorflow_c import DEALLOCATOR, Library

_STRING_SIZE = 24
"""Bytes of a ``TF_TString`` (tensorflow/core/platform/ctstring_internal.h). The lower two bits of its first byte are
its kind, above them is the size. SMALL: one byte of size, and the characters. LARGE: size, capacity, pointer."""
_SMALL, _LARGE = 0, 1
_KIND_BITS = 2


class Tensors:
    """Makes and reads ``TF_Tensor``. The caller deletes them."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._allocate, self._new_tensor = library.TF_AllocateTensor, library.TF_NewTensor
        self._data, self._size = library.TF_TensorData, library.TF_TensorByteSize
        self._type, self._rank, self._dimension = library.TF_TensorType, library.TF_NumDims, library.TF_Dim
        self._lent: dict[int, object] = {}
        """Memory that tensors of strings point to, by their number."""
        self._numbers = itertools.count(1)
        self._release = DEALLOCATOR(lambda _, __, number: self._lent.pop(number, None) and None)

    def make(self, array: NDArray[Any], dtype: int) -> int:
        """A tensor with the elements of ``array``, whose type is that of ``dtype``, a number of ``dtypes``."""
        if dtype == STRING:
            return self._make_strings(array)
        shape, raw = array.shape, array.tobytes()
        tensor: int = self._allocate(dtype, _pack(len(shape))(*shape), len(shape), len(raw))
        ctypes.memmove(self._data(tensor), raw, len(raw))
        return tensor

    def read(self, tensor: int) -> NDArray[Any]:
        """A copy of the tensor as an array; strings are objects of ``bytes``, bfloat16 becomes float32.

        Raises:
            TensorFlowError: NumPy has no such type.
        """
        dtype, rank = self._type(tensor), self._rank(tensor)
        shape = [self._dimension(tensor, axis) for axis in range(rank)]
        if dtype == STRING:
            return self._read_strings(self._data(tensor), shape)
        raw = ctypes.string_at(self._data(tensor), self._size(tensor))
        if dtype == BFLOAT16:
            return widen_bfloat16(raw).reshape(shape)  # type: ignore[no-any-return]
        if dtype not in NUMPY:
            raise TensorFlowError(UNIMPLEMENTED, f"an output is {name_of(dtype)}, which cannot be returned")
        return np.frombuffer(raw, NUMPY[dtype]).reshape(shape)

    def _make_strings(self, array: NDArray[Any]) -> int:
        # LARGE strings that point into memory of ours, which lives as long as the tensor does: an op that keeps one
        # copies it, as it would not with a VIEW.
        values: list[bytes] = array.ravel().tolist()
        text = ctypes.create_string_buffer(b"\0".join(values))  # each ends with a zero, as C++ code may expect
        sizes = np.fromiter(map(len, values), np.uint64, len(values))
        strings = np.empty((len(values), 3), np.uint64)
        strings[:, 0] = sizes << _KIND_BITS | _LARGE
        strings[:, 1] = sizes
        strings[:, 2] = ctypes.addressof(text)
        strings[1:, 2] += np.cumsum(sizes[:-1] + 1)
        number = next(self._numbers)
        self._lent[number] = text, strings
        dimensions, rank = _pack(array.ndim)(*array.shape), array.ndim
        tensor: int = self._new_tensor(
            STRING, dimensions, rank, strings.ctypes.data, strings.nbytes, self._release, number
        )
        return tensor

    def _read_strings(self, data: int, shape: list[int]) -> NDArray[Any]:
        array = np.empty(shape, dtype=object)
        raw = ctypes.string_at(data, array.size * _STRING_SIZE)
        array.ravel()[:] = [self._string(raw, data, place) for place in range(0, len(raw), _STRING_SIZE)]
        return array

    def _string(self, raw: bytes, data: int, place: int) -> bytes:
        head = raw[place]
        if head & 3 == _SMALL:
            return raw[place + 1 : place + 1 + (head >> _KIND_BITS)]
        string = data + place
        return ctypes.string_at(self._library.TF_StringGetDataPointer(string), self._library.TF_StringGetSize(string))


@cache
def _pack(rank: int) -> Callable[..., bytes]:
    """Makes an array of ``int64_t`` of so many numbers."""
    return struct.Struct(f"{rank}q").pack
