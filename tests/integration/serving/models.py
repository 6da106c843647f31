"""Small SavedModels for the tests of serving: ``python -m integration.serving.models FOLDER`` makes them all.

In FOLDER: ``double`` and ``triple`` (factor * x + y), ``zoo`` (a signature for each special case), ``only_predict``
(one signature, not named serving_default), ``version_1`` (saved by TensorFlow 1), ``silent`` (no signature),
``corrupt``.
"""

import shutil
import sys
from pathlib import Path

import tensorflow as tf


class Scale(tf.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": x * self.factor + y}


class Zoo(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        rows = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
        self.table = tf.lookup.StaticHashTable(rows, default_value=-1)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string, "two-words")])
    def lookup(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ids": self.table.lookup(words)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def inverse(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """NaN for -1 and infinities for 0."""
        return {"inverse": 1.0 / x, "root": tf.sqrt(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image")])
    def echo(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"size": tf.strings.length(image), "same_bytes": image, "same": image}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def centred(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The output for a row depends on the other rows."""
        return {"centred": x - tf.reduce_mean(x)}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, "ids"), tf.TensorSpec([None], tf.bool, "flip")])
    def ragged(self, ids: tf.Tensor, flip: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": tf.reduce_sum(ids, axis=1) * tf.where(flip, tf.constant(-1, tf.int64), 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def total(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def picky(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Fails on a batch with a 13 in it."""
        with tf.control_dependencies([tf.debugging.assert_none_equal(x, 13, message="thirteen")]):
            return {"x": tf.identity(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def spin(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Does not return for negative numbers."""
        return {"x": tf.while_loop(lambda x: tf.reduce_any(x < 0), lambda x: (tf.minimum(x, -1.0),), (x,))[0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "steps")])
    def slow(self, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Runs the given number of steps, of some microseconds each."""
        done = tf.while_loop(lambda done: tf.reduce_any(done < steps), lambda done: (done + 1,), (0 * steps,))[0]
        return {"done": done}


def save_as_version_1(folder: Path) -> None:
    """The inputs ``x`` and ``y`` have placeholders with each other's names."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x, y = v1.placeholder(tf.float32, [None], "y"), v1.placeholder(tf.float32, [None], "x")
        factor = v1.get_variable("factor", initializer=10.0, use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"y": y, "x": x}, {"scaled": x * factor + y, "again": y})


def main(folder: Path) -> None:
    for name, factor in (("double", 2.0), ("triple", 3.0)):
        model = Scale(factor)
        tf.saved_model.save(model, str(folder / name), signatures={"serving_default": model.serve})
    tf.saved_model.save(model, str(folder / "only_predict"), signatures={"predict": model.serve})
    zoo = Zoo()
    names = ("inverse", "echo", "centred", "ragged", "total", "picky", "spin", "slow", "lookup")
    tf.saved_model.save(zoo, str(folder / "zoo"), signatures={name: getattr(zoo, name) for name in names})
    tf.saved_model.save(tf.Module(), str(folder / "silent"))
    save_as_version_1(folder / "version_1")
    shutil.copytree(folder / "double", folder / "corrupt")
    (folder / "corrupt/saved_model.pb").write_bytes(b"this is no protocol buffer")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
