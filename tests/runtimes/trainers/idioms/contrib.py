"""What programs of TensorFlow 1 take from ``tf.contrib``."""

import tempfile

import tensorflow as tf

from idioms.idiom import evaluate, idiom, sentence


@idiom
def contrib_of_data_and_tables():
    from tensorflow.contrib import lookup

    table = tf.contrib.lookup.index_table_from_tensor(mapping=tf.constant(["a", "b"]), num_oov_buckets=1)
    names = lookup.index_to_string_table_from_tensor(tf.constant(["a", "b"]), default_value="?")
    rows = tf.data.Dataset.range(5).apply(tf.contrib.data.map_and_batch(lambda x: x + 1, 3))
    batches = rows.apply(tf.contrib.data.shuffle_and_repeat(1, 1)).make_one_shot_iterator().get_next()
    looked_up = names.lookup(table.lookup(tf.constant(["b", "z"])))
    return [value.tolist() for value in evaluate([looked_up, batches])]


@idiom
def contrib_of_networks():
    import tensorflow.contrib.rnn as rnn

    x = tf.unstack(tf.ones([1, 3, 1]), axis=1)
    outputs, _ = rnn.static_rnn(rnn.BasicLSTMCell(2), x, dtype=tf.float32)
    layers = tf.contrib.layers
    weights = tf.get_variable(
        "weights", [2, 1], initializer=layers.xavier_initializer(seed=1), regularizer=layers.l2_regularizer(0.1)
    )
    hidden = tf.layers.dense(outputs[-1], 2, kernel_initializer=layers.variance_scaling_initializer(seed=1))
    loss = tf.reduce_sum(tf.matmul(hidden, weights) ** 2) + tf.losses.get_regularization_loss()
    step = tf.contrib.framework.get_or_create_global_step()
    train = layers.optimize_loss(loss, step, learning_rate=0.1, optimizer="Adam", clip_gradients=1.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first, *_, last = [session.run(train) for _ in range(20)]
        return [bool(last < first), session.run(step).item()]


@idiom
def contrib_slim():
    from tensorflow.contrib import slim

    with slim.arg_scope([slim.fully_connected], activation_fn=None):
        hidden = slim.fully_connected(tf.ones([2, 3]), 4, scope="hidden")
    logits = tf.contrib.layers.fully_connected(hidden, 1, activation_fn=None)
    return [logits.shape.as_list(), sorted({name.op.name for name in tf.trainable_variables()})]


@idiom
def contrib_hparams():
    from tensorflow.contrib.training.python.training import hparam

    params = hparam.HParams(rate=0.1, units=[4, 2], name="x", on=True).parse("rate=2,units=[8,4],on=false")
    assert isinstance(params, tf.contrib.training.HParams)
    return params.values()


@idiom
def contrib_of_estimators():
    hook = tf.contrib.estimator.stop_if_no_decrease_hook
    optimizer = tf.contrib.tpu.CrossShardOptimizer(tf.train.AdamOptimizer())
    accuracy = tf.contrib.metrics.streaming_accuracy([1, 2], [1, 3])
    _, updates = tf.contrib.metrics.aggregate_metric_map({"accuracy": accuracy})
    devices = tf.contrib.eager.list_devices()
    return [callable(hook), type(optimizer).__name__, evaluate(updates["accuracy"]).item(), len(devices) > 0]


@idiom
def contrib_forward_features():
    columns = [tf.feature_column.numeric_column("x")]
    with tempfile.TemporaryDirectory() as folder:
        estimator = tf.estimator.LinearRegressor(columns, model_dir=folder)
        estimator = tf.contrib.estimator.forward_features(estimator, "key")
        rows = {"x": [[1.0], [2.0]], "key": [["a"], ["b"]]}

        def read(labels=True):
            features = {name: tf.constant(values) for name, values in rows.items()}
            return tf.data.Dataset.from_tensors((features, tf.constant([[1.0], [2.0]])) if labels else features)

        estimator.train(read, steps=1)
        return [prediction["key"].tolist() for prediction in estimator.predict(lambda: read(labels=False))]


@idiom
def contrib():
    return [
        sentence("tf.contrib.layers.real_valued_column"),
        sentence("import tensorflow.contrib.gan as gan"),
        sentence("from tensorflow.contrib.learn.python.learn import learn_runner"),
    ]
