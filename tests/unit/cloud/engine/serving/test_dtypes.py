import numpy as np

from cloud.engine.serving.dtypes import NUMPY, name_of, widen_bfloat16


def test_names_of_types_references_and_unknown_ones():
    assert [name_of(number) for number in (1, 101, 7, 19, 14, 77)] == [
        *("float32", "float32", "string", "float16", "bfloat16", "type 77")
    ]


def test_numpy_types_have_the_sizes_of_tensorflows():
    assert {name_of(number): dtype.itemsize for number, dtype in NUMPY.items()} == {
        "float16": 2,
        "float32": 4,
        "float64": 8,
        "complex64": 8,
        "complex128": 16,
        "bool": 1,
        **{f"{sign}int{8 * size}": size for sign in ("", "u") for size in (1, 2, 4, 8)},
    }


def test_bfloat16_is_the_upper_half_of_float32():
    values = np.array([1.5, -2.0, 0.0, np.inf], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    assert np.array_equal(widen_bfloat16(upper), values)
