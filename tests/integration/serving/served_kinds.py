"""Makes a SavedModel of each kind that people deploy; see kinds.py.

Each function with the decorator ``kind`` makes one, in the folder of its name.
"""

import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

Tensors = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Inputs and outputs by alias."""
KINDS: dict[str, Callable[[str], None]] = {}
v1 = tf.compat.v1


def kind(make: Callable[[str], None]) -> Callable[[str], None]:
    KINDS[make.__name__] = make
    return make


def save(folder: str, function: Any, *specs: tf.TensorSpec, key: str = "serving_default", **held: Any) -> None:
    """Save a module whose signature is ``function``, and that holds the objects ``held``."""
    module = tf.Module()
    for name, value in held.items():
        setattr(module, name, value)
    module.serve = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(module, folder, signatures={key: module.serve})


def floats(*shape: int | None, name: str = "x", dtype: Any = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


def strings(*shape: int | None, name: str = "x") -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.string, name)


def dense() -> keras.Sequential:
    """2 x + 1."""
    model = keras.Sequential([keras.Input((1,), name="x"), keras.layers.Dense(1)])
    model.layers[0].kernel.assign([[2.0]])
    model.layers[0].bias.assign([1.0])
    return model


# -------------------------------------------------------------------- Keras 3


@kind
def keras_export(folder: str) -> None:
    x = keras.Input((1,), name="x")
    model = keras.Model(x, keras.layers.BatchNormalization(epsilon=0.0)(dense()(x)))
    model.export(folder, verbose=False)


@kind
def keras_save(folder: str) -> None:
    tf.saved_model.save(dense(), folder)


@kind
def keras_in_module(folder: str) -> None:
    model = dense()
    save(folder, lambda x: {"y": model(x)}, floats(None, 1), model=model)


@kind
def keras_in_module_mended(folder: str) -> None:
    model = dense()
    save(folder, lambda x: {"y": model(x)}, floats(None, 1), values=[v.value for v in model.variables])


@kind
def keras_string_lookup(folder: str) -> None:
    vocabulary = Path(folder).parent / "words.txt"
    vocabulary.write_text("a\nb\n")
    words = keras.Input((1,), dtype="string", name="word")
    keras.Model(words, keras.layers.StringLookup(vocabulary=str(vocabulary))(words)).export(folder, verbose=False)
    vocabulary.unlink()


@kind
def keras_text_vectorization(folder: str) -> None:
    words = keras.Input((1,), dtype="string", name="text")
    layer = keras.layers.TextVectorization(vocabulary=["red", "green"], output_sequence_length=3)
    keras.Model(words, layer(words)).export(folder, verbose=False)


@kind
def keras_2(folder: str) -> None:
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(1,), name="layer")])
    model.layers[0].kernel.assign([[2.0]])
    model.layers[0].bias.assign([1.0])
    model.compile(tf_keras.optimizers.Adam(0.0), "mse")
    model.fit(tf.zeros([1, 1]), tf.ones([1, 1]), verbose=0)
    model.save(folder)


@kind
def trainer(folder: str) -> None:
    from trainer.export import export
    from trainer.model import FareModel

    shutil.move(export(FareModel("raw", [2], seed=1), folder + ".job"), folder)


# -------------------------------------------------------------------- what a signature may hold


@kind
def two_signatures(folder: str) -> None:
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[floats(None)])
    module.square = tf.function(lambda x: {"y": x * x}, input_signature=[floats(None)])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.double, "square": module.square})


@kind
def table_of_an_asset(folder: str) -> None:
    vocabulary = Path(folder).parent / "colours.txt"
    vocabulary.write_text("red\ngreen\n")
    initializer = tf.lookup.TextFileInitializer(
        str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    table = tf.lookup.StaticHashTable(initializer, -1)
    save(folder, lambda x: {"id": table.lookup(x)}, strings(None), table=table)
    vocabulary.unlink()


@kind
def mutable_table(folder: str) -> None:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(["a", "a name that is longer than twenty-two bytes"], [1, 2])
    save(folder, lambda x: {"id": table.lookup(x)}, strings(None), table=table)


@kind
def remembers_strings(folder: str) -> None:
    """Answers with the last request's text, and keeps this one's: the memory of a request is used after it."""
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, "nothing")
    last, key = tf.Variable(["nothing"], shape=[None]), tf.constant([0], tf.int64)

    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        before, kept = last.read_value(), table.lookup(key)
        with tf.control_dependencies([before, kept]):
            table.insert(key, x[:1])
            last.assign(x)
        return {"variable": before[:1], "table": kept}

    save(folder, serve, strings(None), table=table, last=last)


@kind
def counter(folder: str) -> None:
    count = tf.Variable(0.0)
    save(folder, lambda x: {"y": x + count.assign_add(1.0)}, floats(None), count=count)


@kind
def ragged_inside(folder: str) -> None:
    save(folder, lambda x: {"words": tf.strings.split(x).row_lengths()}, strings(None))


@kind
def ragged_input(folder: str) -> None:
    save(folder, lambda x: {"sum": tf.reduce_sum(x, axis=1)}, tf.RaggedTensorSpec([None, None], tf.float32))


@kind
def integers(folder: str) -> None:
    save(folder, lambda x: {"y": x + 1}, floats(None, dtype=tf.int64))


@kind
def image_bytes(folder: str) -> None:
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        decode = lambda each: tf.io.decode_png(each, channels=1)  # noqa: E731
        pixels = tf.map_fn(decode, image, fn_output_signature=tf.TensorSpec([None, None, 1], tf.uint8))
        return {"sum": tf.reduce_sum(tf.cast(pixels, tf.int32), axis=[1, 2, 3]), "same_bytes": image}

    save(folder, serve, strings(None, name="image_bytes"))


@kind
def unknown_rank(folder: str) -> None:
    save(folder, lambda x: {"y": x * 2.0}, tf.TensorSpec(None, tf.float32, "x"))


@kind
def control_flow(folder: str) -> None:
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        grown = tf.while_loop(lambda x: tf.reduce_min(x) < 10.0, lambda x: (x * 2.0,), (tf.maximum(x, 1.0),))[0]
        return {"y": tf.cond(tf.reduce_sum(x) > 0.0, lambda: grown, lambda: -grown)}

    save(folder, serve, floats(None))


@kind
def compiled(folder: str) -> None:
    module = tf.Module()
    module.inner = tf.function(lambda x: x * x + 1.0, jit_compile=True)
    module.serve = tf.function(lambda x: {"y": module.inner(x)}, input_signature=[floats(None)])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})


@kind
def types(folder: str) -> None:
    def serve(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            **{f"{name}_out": value for name, value in given.items()},
            "brain": tf.cast(given["double"], tf.bfloat16),
        }

    names = {"double": tf.float64, "half": tf.float16, "byte": tf.uint8, "flag": tf.bool, "small": tf.int16}
    module = tf.Module()
    module.serve = tf.function(serve)
    specs = {name: tf.TensorSpec([None], dtype, name) for name, dtype in names.items()}
    signature = module.serve.get_concrete_function(**specs)
    tf.saved_model.save(module, folder, signatures={"serving_default": signature})


@kind
def scalar_output(folder: str) -> None:
    save(folder, lambda x: {"mean": tf.reduce_mean(x)}, floats(None))


@kind
def scalar_input(folder: str) -> None:
    save(folder, lambda x, rate: {"y": x * rate}, floats(None), floats(name="rate"))


@kind
def parse_example(folder: str) -> None:
    features = {"x": tf.io.FixedLenFeature([1], tf.float32, 0.0), "tags": tf.io.VarLenFeature(tf.string)}

    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, features)
        return {"y": parsed["x"][:, 0] * 2.0, "tag": tf.sparse.to_dense(parsed["tags"], "none")}

    save(folder, serve, strings(None, name="examples"))


@kind
def fixed_batch(folder: str) -> None:
    save(folder, lambda x: {"y": tf.reduce_sum(x, axis=1)}, floats(1, 3))


@kind
def heavy(folder: str) -> None:
    matrix = tf.Variable(tf.eye(1200))
    save(
        folder,
        lambda x: {"y": (tf.repeat(x, 1200, axis=1) @ matrix @ matrix @ matrix)[:, :1]},
        floats(None, 1),
        m=matrix,
    )


@kind
def on_a_gpu(folder: str) -> None:
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/job:localhost/replica:0/task:0/device:GPU:0"):
            return {"y": x * 2.0}

    save(folder, serve, floats(None))


# -------------------------------------------------------------------- TensorFlow 1


def save_version_1(
    folder: str, build: Callable[[], Tensors], *, saved: Collection[str] = ("factor",), initialize: bool = True
) -> None:
    """Save a graph of TensorFlow 1; ``build`` returns its inputs and outputs, and makes the variables ``saved``."""
    with v1.Graph().as_default(), v1.Session() as session:
        inputs, outputs = build()
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        builder = v1.saved_model.Builder(folder)
        variables = [each for each in v1.global_variables() if each.op.name in saved]
        builder.add_meta_graph_and_variables(
            *(session, ["serve"], {"serving_default": signature}),
            main_op=v1.tables_initializer() if initialize else None,
            saver=v1.train.Saver(variables) if variables else None,
        )
        builder.save()


@kind
def version_1_frozen(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.float32, [None], "x")
        return {"x": x}, {"y": x * v1.constant(3.0)}

    save_version_1(folder, build)


@kind
def version_1_references(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.string, [None], "x")
        initializer = tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([1.0]))
        factor = v1.get_variable("factor", initializer=10.0, use_resource=False)
        return {"x": x}, {"y": tf.lookup.StaticHashTable(initializer, 0.5).lookup(x) * factor}

    save_version_1(folder, build)


@kind
def version_1_resources(folder: str) -> None:
    def build() -> Tensors:
        x = v1.placeholder(tf.float32, [None], "x")
        return {"x": x}, {"y": x * v1.get_variable("factor", initializer=10.0, use_resource=True)}

    save_version_1(folder, build)


@kind
def version_1_sparse_input(folder: str) -> None:
    def build() -> Tensors:
        x = v1.sparse_placeholder(tf.float32, [None, 3], "x")
        return {"x": x}, {"y": v1.sparse_reduce_sum(x, axis=1)}

    save_version_1(folder, build)
