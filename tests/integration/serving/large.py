"""A SavedModel of more than two gigabytes that takes no room on a disk: ``python -m integration.serving.large FOLDER``.

The file of its variables is a hole with a few numbers at its end. So that neither TensorFlow nor a disk has to hold it
here, its index is written by hand, a table as LevelDB has it
(https://github.com/google/leveldb/blob/main/doc/table_format.md) of the messages in tensor_bundle.proto.
"""

import struct
import sys
from pathlib import Path

import google_crc32c
import tensorflow as tf

from meta_graphs import field

ROWS, COLUMNS = 2**19 + 1, 2**10
LAST_ROW, FACTOR = [1.0] * COLUMNS, 3.0
_BLOCK = 2**26
v1 = tf.compat.v1


def save(folder: Path) -> None:
    """``{"y": sum of the row x of a table * factor}``: all rows are zeros but the last."""
    with v1.Graph().as_default() as graph:
        row = v1.placeholder(tf.int32, [None], "row")
        table = v1.get_variable("table", [ROWS, COLUMNS], use_resource=True, initializer=v1.zeros_initializer())
        factor = v1.get_variable("the_last", [], use_resource=True, initializer=v1.zeros_initializer())
        y = tf.reduce_sum(tf.gather(table, row), axis=1) * factor
        signature = v1.saved_model.predict_signature_def({"row": row}, {"y": y})
        saver = v1.train.Saver([table, factor])
        meta_graph = v1.train.export_meta_graph(graph=graph, saver_def=saver.as_saver_def())
    meta_graph.meta_info_def.tags.append("serve")
    meta_graph.signature_def["serving_default"].CopyFrom(signature)
    (folder / "variables").mkdir(parents=True)
    # SavedModel: the version of its schema, and the graphs.
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta_graph.SerializeToString()))
    _save_variables(folder / "variables")


def _save_variables(folder: Path) -> None:
    end, factor = struct.pack(f"<{COLUMNS}f", *LAST_ROW), struct.pack("<f", FACTOR)
    zeros = (ROWS - 1) * COLUMNS * 4
    with (folder / "variables.data-00000-of-00001").open("wb") as file:
        file.seek(zeros)
        file.write(end + factor)
    checksum, block = 0, bytes(_BLOCK)
    for _ in range(zeros // _BLOCK):
        checksum = google_crc32c.extend(checksum, block)
    checksum = google_crc32c.extend(checksum, end)
    size = zeros + len(end)
    entries = {
        "": field(1, 1) + field(3, field(1, 1)),  # BundleHeaderProto: shards, version
        "table": _entry((ROWS, COLUMNS), 0, size, checksum),
        "the_last": _entry((), size, len(factor), google_crc32c.value(factor)),
    }
    (folder / "variables.index").write_bytes(_table({name.encode(): entry for name, entry in entries.items()}))


def _entry(shape: tuple[int, ...], offset: int, size: int, checksum: int) -> bytes:
    """A ``BundleEntryProto`` of float32."""
    dimensions = b"".join(field(2, field(1, length)) for length in shape)
    known = field(1, 1) + field(2, dimensions) + field(4, offset) + field(5, size)
    return known + bytes([6 << 3 | 5]) + struct.pack("<I", _masked(checksum))


def _table(entries: dict[bytes, bytes]) -> bytes:
    data = _block(entries)
    nothing = _block({})
    index = _block({max(entries): _handle(0, data)})
    footer = _handle(len(data), nothing) + _handle(len(data) + len(nothing), index)
    return data + nothing + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def _block(entries: dict[bytes, bytes]) -> bytes:
    """Not compressed; no key is shortened by what it has in common with the one before."""
    content, starts = b"", []
    for key, value in entries.items():
        starts.append(len(content))
        content += _varint(0) + _varint(len(key)) + _varint(len(value)) + key + value
    starts = starts or [0]
    content += struct.pack(f"<{len(starts) + 1}I", *starts, len(starts)) + b"\0"
    return content + struct.pack("<I", _masked(google_crc32c.value(content)))


def _handle(offset: int, block: bytes) -> bytes:
    return _varint(offset) + _varint(len(block) - 5)  # without its kind and checksum


def _varint(value: int) -> bytes:
    return field(0, value)[1:]


def _masked(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


if __name__ == "__main__":
    save(Path(sys.argv[1]) / "large")
