"""SavedModels of every kind: ``python -m integration.serving.kinds FOLDER`` makes them all.

Those of served_kinds.py, and here those that no server can answer with.
"""

import os
import shutil
import sys
from pathlib import Path

import tensorflow as tf

from integration.serving.served_kinds import KINDS, Tensors, floats, kind, save, save_version_1, v1


@kind
def numpy_function(folder: str) -> None:
    save(folder, lambda x: {"y": tf.numpy_function(lambda x: x * 2, [x], tf.float32)}, floats(None))


@kind
def py_function_in_a_branch(folder: str) -> None:
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cond(tf.size(x) > 1, lambda: tf.py_function(lambda x: x * 2, [x], tf.float32), lambda: x)}

    save(folder, serve, floats(None))


@kind
def no_signature(folder: str) -> None:
    tf.saved_model.save(tf.Module(), folder)


@kind
def table_without_initializer(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.string, [None], "x")
        initializer = tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([1.0]))
        return {"x": x}, {"y": tf.lookup.StaticHashTable(initializer, 0.5).lookup(x)}

    save_version_1(folder, build, initialize=False)


@kind
def variable_that_is_not_saved(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.float32, [None], "x")
        factor = v1.get_variable("factor", initializer=10.0, use_resource=True)
        return {"x": x}, {"y": x * factor + v1.get_variable("kept", initializer=0.0, use_resource=True)}

    save_version_1(folder, build, saved=["kept"])


@kind
def reference_that_is_not_saved(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.float32, [None], "x")
        factor = v1.get_variable("factor", initializer=10.0, use_resource=False)
        return {"x": x}, {"y": x * factor + v1.get_variable("kept", initializer=0.0, use_resource=False)}

    save_version_1(folder, build, saved=["kept"])


@kind
def training_graph(folder: str) -> None:
    save_version_1(folder, lambda: ((x := {"x": v1.placeholder(tf.float32, [None], "x")}), {"y": x["x"] * 2.0}))
    content = Path(folder, "saved_model.pb")
    content.write_bytes(content.read_bytes().replace(b"\x22\x05serve", b"\x22\x05train"))


@kind
def unknown_operation(folder: str) -> None:
    save(folder, lambda x: {"y": tf.strings.lower(x)}, tf.TensorSpec([None], tf.string, "x"))
    content = Path(folder, "saved_model.pb")
    content.write_bytes(content.read_bytes().replace(b"StringLower", b"StringLowez"))


def damage(folder: Path) -> None:
    """Make damaged copies of the model ``counter``."""
    for name in ("damaged_graph", "damaged_values", "no_values", "only_index"):
        shutil.copytree(folder / "counter", folder / name)
    graph = folder / "damaged_graph/saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-100])
    values = folder / "damaged_values/variables/variables.data-00000-of-00001"
    values.write_bytes(b"")
    shutil.rmtree(folder / "no_values/variables")
    os.unlink(folder / "only_index/variables/variables.data-00000-of-00001")


def main(folder: Path) -> None:
    for name, make in KINDS.items():
        make(str(folder / name))
    damage(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
