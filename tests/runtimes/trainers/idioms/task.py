"""What programs of TensorFlow 1 do, one function an idiom; the log has a line for each: ``idiom NAME: RESULT``."""

import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

from idioms import contrib  # noqa: F401 - has idioms, too
from idioms.idiom import IDIOMS, evaluate, idiom, sentence


@idiom
def session():
    with tf.Session(config=tf.ConfigProto(log_device_placement=False)) as session:
        x = tf.placeholder(tf.float32, shape=[None, 2], name="x")
        return session.run(tf.reduce_sum(x, axis=1), feed_dict={x: [[1, 2], [3, 4]]}).tolist()


@idiom
def interactive_session():
    session = tf.InteractiveSession()
    try:
        return tf.constant(3).eval()
    finally:
        session.close()


@idiom
def variables():
    with tf.variable_scope("scope", reuse=tf.AUTO_REUSE):
        first = tf.get_variable("w", [2], initializer=tf.ones_initializer())
        second = tf.get_variable("w", [2])
    assert first is second
    assert first.op.type == "VariableV2"
    return evaluate(tf.assign_add(first, [1.0, 1.0])).tolist()


@idiom
def collections():
    tf.add_to_collection("losses", tf.constant(2.0))
    variable = tf.Variable(1.0, name="v", trainable=False)
    assert variable in tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    return evaluate(tf.add_n(tf.get_collection("losses"))).item()


@idiom
def layers():
    x = tf.constant(np.ones([2, 4, 4, 1], np.float32))
    net = tf.layers.conv2d(x, 3, 2, activation=tf.nn.relu)
    net = tf.layers.max_pooling2d(net, 2, 1)
    net = tf.layers.batch_normalization(tf.layers.flatten(net), training=True)
    return list(evaluate(tf.layers.dropout(tf.layers.dense(net, 5), training=True)).shape)


@idiom
def recurrent():
    cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(3), tf.nn.rnn_cell.GRUCell(2)])
    outputs, _ = tf.nn.dynamic_rnn(cell, tf.ones([2, 5, 1]), dtype=tf.float32)
    return list(evaluate(outputs).shape)


@idiom
def optimizers():
    x = tf.Variable(4.0)
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.5, step, 10, 0.9)
    train = tf.train.GradientDescentOptimizer(rate).minimize(tf.square(x), global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(30):
            session.run(train)
        return round(abs(float(session.run(x))), 2)


@idiom
def monitored_session():
    step = tf.train.get_or_create_global_step()
    update = tf.assign_add(step, 1)
    with tf.train.MonitoredTrainingSession(hooks=[tf.train.StopAtStepHook(last_step=3)]) as session:
        while not session.should_stop():
            last = session.run(update)
    return int(last)


@idiom
def queue_runners():
    values = tf.train.slice_input_producer([tf.constant([1, 2, 3])], num_epochs=1, shuffle=False)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coordinator)
        total = sum(int(session.run(values)[0]) for _ in range(3))
        coordinator.request_stop()
        coordinator.join(threads)
    return total


@idiom
def records():
    path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    with tf.python_io.TFRecordWriter(path) as writer:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[7]))
        writer.write(tf.train.Example(features=tf.train.Features(feature={"x": feature})).SerializeToString())
    iterator = tf.data.TFRecordDataset(path).make_one_shot_iterator()
    parsed = tf.parse_single_example(iterator.get_next(), {"x": tf.FixedLenFeature([], tf.int64)})
    return evaluate(parsed["x"]).item() + len(list(tf.python_io.tf_record_iterator(path)))


@idiom
def initializable_iterator():
    iterator = tf.data.Dataset.range(5).batch(5).make_initializable_iterator()
    with tf.Session() as session:
        session.run(iterator.initializer)
        return session.run(iterator.get_next()).tolist()


@idiom
def checkpoints():
    path = os.path.join(tempfile.mkdtemp(), "model.ckpt")
    variable = tf.get_variable("v", initializer=5.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        saved = tf.train.Saver().save(session, path, global_step=1)
    from tensorflow.python import pywrap_tensorflow

    assert variable.name == "v:0"
    assert tf.train.latest_checkpoint(os.path.dirname(path)) == saved
    return float(pywrap_tensorflow.NewCheckpointReader(saved).get_tensor("v"))


@idiom
def frozen_graph():
    from tensorflow.python.framework.graph_util import convert_variables_to_constants

    result = tf.identity(tf.get_variable("w", initializer=2.0) * 3, name="result")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        frozen = convert_variables_to_constants(session, tf.get_default_graph().as_graph_def(), ["result"])
    assert result.name == "result:0"
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        with tf.Session(graph=graph) as session:
            return float(session.run("result:0"))


@idiom
def simple_save():
    folder = os.path.join(tempfile.mkdtemp(), "export")
    x = tf.placeholder(tf.float32, [None], name="x")
    with tf.Session() as session:
        tf.saved_model.simple_save(session, folder, {"x": x}, {"y": x * 2})
    with tf.Session(graph=tf.Graph()) as session:
        tf.saved_model.loader.load(session, [tf.saved_model.tag_constants.SERVING], folder)
        return session.run("mul:0", {"x:0": [1.0, 2.0]}).tolist()


@idiom
def builder():
    folder = os.path.join(tempfile.mkdtemp(), "export")
    maker = tf.saved_model.builder.SavedModelBuilder(folder)
    x = tf.placeholder(tf.float32, [None])
    signature = tf.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": x + 1})
    with tf.Session() as session:
        maker.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
    maker.save()
    return sorted(os.listdir(folder))


@idiom
def keras():
    from tensorflow.keras import layers
    from tensorflow.keras.models import Sequential
    from tensorflow.keras.optimizers import Adam

    model = Sequential([layers.Dense(4, input_shape=(2,)), layers.BatchNormalization(), layers.Dense(1)])
    model.compile(optimizer=Adam(lr=0.1), loss="mse", metrics=["mae"])
    return sorted(model.fit(np.zeros((8, 2)), np.zeros((8, 1)), verbose=0).history)


@idiom
def keras_of_tf():
    model = tf.keras.Sequential([tf.keras.layers.LSTM(3, input_shape=(4, 1)), tf.keras.layers.Dense(1)])
    model.compile(tf.train.AdamOptimizer(), "mse")
    model.fit(np.zeros((8, 4, 1)), np.zeros((8, 1)), verbose=0)
    return list(tf.keras.backend.get_session().run(model.output, {model.input: np.zeros((2, 4, 1))}).shape)


@idiom
def keras_estimator():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,), name="only")])
    model.compile(tf.keras.optimizers.SGD(), "mse")
    estimator = tf.keras.estimator.model_to_estimator(model, model_dir=tempfile.mkdtemp())
    inputs = tf.estimator.inputs.numpy_input_fn({"only_input": np.zeros((8, 2))}, np.zeros((8, 1)), shuffle=False)
    return type(estimator.train(inputs, steps=1)).__name__


@idiom
def keras_by_private_path():
    from tensorflow.python import keras
    from tensorflow.python.keras import backend, models
    from tensorflow.python.keras.layers.core import Dense
    from tensorflow.python.keras.preprocessing import sequence

    model = models.Sequential([Dense(1, input_shape=(2,), name="only")])
    model.compile(tf.train.RMSPropOptimizer(0.1), "mse")
    estimator = tf.keras.estimator.model_to_estimator(model, model_dir=tempfile.mkdtemp())
    same = keras.layers.Dense is tf.keras.layers.Dense and backend.get_session is tf.keras.backend.get_session
    from keras.optimizers import SGD
    from keras.utils import np_utils

    same = same and SGD is tf.keras.optimizers.SGD and np_utils.to_categorical is tf.keras.utils.to_categorical
    return [same, type(estimator).__name__, sequence.pad_sequences([[1]], maxlen=3).tolist()]


@idiom
def custom_estimator():
    def model_fn(features, labels, mode, params):
        prediction = tf.layers.dense(features["x"], 1)[:, 0]
        loss = tf.losses.mean_squared_error(labels, prediction)
        train = tf.train.AdagradOptimizer(params["rate"]).minimize(loss, tf.train.get_global_step())
        metrics = {"rmse": tf.metrics.root_mean_squared_error(labels, prediction)}
        return tf.estimator.EstimatorSpec(mode, prediction, loss, train, metrics)

    inputs = tf.estimator.inputs.numpy_input_fn(
        {"x": np.ones((8, 1), np.float32)}, np.ones(8, np.float32), num_epochs=None, shuffle=True
    )
    estimator = tf.estimator.Estimator(model_fn, tempfile.mkdtemp(), params={"rate": 0.1})
    estimator.train(inputs, steps=3)
    return sorted(estimator.evaluate(inputs, steps=1))


@idiom
def pandas_input():
    import pandas

    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    inputs = tf.estimator.inputs.pandas_input_fn(frame[["x"]], frame["y"], num_epochs=1, shuffle=False)
    columns = [tf.feature_column.numeric_column("x")]
    estimator = tf.estimator.LinearRegressor(columns, tempfile.mkdtemp()).train(inputs)
    return len(list(estimator.predict(inputs)))


@idiom
def feature_columns():
    hashed = tf.feature_column.categorical_column_with_hash_bucket("word", 10)
    columns = [
        tf.feature_column.numeric_column("x", normalizer_fn=lambda x: x / 2),
        tf.feature_column.indicator_column(hashed),
        tf.feature_column.embedding_column(hashed, 3),
    ]
    features = {"x": tf.constant([[2.0]]), "word": tf.constant([["a"]])}
    return list(evaluate(tf.feature_column.input_layer(features, columns)).shape)


@idiom
def lookup_table():
    values = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
    return evaluate(tf.lookup.StaticHashTable(values, -1).lookup(tf.constant(["b", "c"]))).tolist()


@idiom
def metrics():
    value, update = tf.metrics.accuracy([1, 0], [1, 1])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        session.run(update)
        return float(session.run(value))


@idiom
def summaries():
    folder = tempfile.mkdtemp()
    tf.summary.scalar("loss", tf.constant(1.0))
    with tf.Session() as session:
        writer = tf.summary.FileWriter(folder, session.graph)
        writer.add_summary(session.run(tf.summary.merge_all()), 0)
        writer.close()
    return len(os.listdir(folder))


@idiom
def gfile():
    folder = os.path.join(tempfile.mkdtemp(), "a", "b")
    tf.gfile.MakeDirs(folder)
    with tf.gfile.GFile(os.path.join(folder, "c"), "w") as file:
        file.write("text")
    with tf.gfile.Open(os.path.join(folder, "c")) as file:
        return [file.read(), tf.gfile.Exists(folder), tf.gfile.ListDirectory(folder)]


@idiom
def flags():
    tf.app.flags.DEFINE_integer("steps", 5, "Steps.")
    tf.flags.DEFINE_string("name", "", "A name.")
    remaining = tf.app.flags.FLAGS(["program", "--steps=7", "rest"])
    return [tf.flags.FLAGS.steps, remaining]


@idiom
def conditions():
    loop = tf.while_loop(lambda i: i < 5, lambda i: i + 1, [tf.constant(0)])
    return evaluate(tf.cond(tf.constant(True), lambda: loop, lambda: tf.constant(-1))).item()


@idiom
def py_func():
    return evaluate(tf.py_func(lambda x: np.float32(x * 2), [tf.constant(2.0)], tf.float32)).item()


@idiom
def gradients():
    x = tf.constant(3.0)
    return evaluate(tf.gradients(x * x, x)[0]).item()


@idiom
def old_names():
    with tf.device("/cpu:0"):
        total = tf.log(tf.to_float(tf.constant(1))) + tf.reduce_mean(tf.random_normal([3], stddev=0.0))
    tf.set_random_seed(1)
    tf.logging.info("old")
    shape = tf.Dimension(3).value + tf.TensorShape([None, 2])[1].value
    return [evaluate(total).item(), shape, tf.__version__ == tf.VERSION, tf.GIT_VERSION != ""]


@idiom
def child_process():
    import subprocess

    program = "import keras, tensorflow as tf; print(tf.Session().run(tf.constant(4)))"
    return subprocess.check_output([sys.executable, "-c", program], stderr=subprocess.DEVNULL, text=True).strip()


@idiom
def keras_export():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    with tempfile.TemporaryDirectory() as folder:
        tf.keras.experimental.export_saved_model(model, os.path.join(folder, "export"))
        loaded = tf.saved_model.load(tf.keras.backend.get_session(), ["serve"], os.path.join(folder, "export"))
    return sorted(loaded.signature_def)


@idiom
def scikit_learn():
    from sklearn.externals import joblib

    return joblib.__name__


@idiom
def examples():
    return sentence("from tensorflow.examples.tutorials.mnist import input_data")


if __name__ == "__main__":
    for function in IDIOMS:
        tf.reset_default_graph()
        tf.keras.backend.clear_session()
        try:
            result = function()
        except Exception as error:
            result = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"idiom {function.__name__}: {result!r}", flush=True)
