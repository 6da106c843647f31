"""A trainer as it was written for TensorFlow 1.x: an estimator over feature columns, reading with queues of its own."""

import argparse

import tensorflow as tf

COLUMNS = ["fare", "distance", "hour", "borough"]
DEFAULTS = [[0.0], [0.0], [0], ["none"]]


def read(pattern, is_training):
    def input_fn():
        names = tf.gfile.Glob(pattern)
        queue = tf.train.string_input_producer(names, num_epochs=None if is_training else 1, shuffle=is_training)
        _, lines = tf.TextLineReader(skip_header_lines=1).read_up_to(queue, num_records=64)
        features = dict(zip(COLUMNS, tf.decode_csv(tf.expand_dims(lines, -1), record_defaults=DEFAULTS)))
        label = features.pop("fare")
        return {name: tf.squeeze(value, 1) for name, value in features.items()}, tf.squeeze(label, 1)

    return input_fn


def serving_input_fn():
    raw = {
        "distance": tf.placeholder(tf.float32, [None]),
        "hour": tf.placeholder(tf.int64, [None]),
        "borough": tf.placeholder(tf.string, [None]),
    }
    return tf.estimator.export.ServingInputReceiver(raw, raw)


def build(output):
    distance = tf.feature_column.numeric_column("distance")
    hour = tf.feature_column.bucketized_column(tf.feature_column.numeric_column("hour", dtype=tf.int64), [6, 12, 18])
    borough = tf.feature_column.categorical_column_with_vocabulary_list(
        "borough", ["queens", "bronx"], num_oov_buckets=1
    )
    crossed = tf.feature_column.crossed_column([hour, borough], hash_bucket_size=20)
    return tf.estimator.DNNLinearCombinedRegressor(
        model_dir=output,
        linear_feature_columns=[borough, crossed],
        dnn_feature_columns=[distance, tf.feature_column.embedding_column(borough, 2)],
        dnn_hidden_units=[8],
        dnn_optimizer=tf.train.AdamOptimizer(0.05),
        config=tf.estimator.RunConfig(save_checkpoints_steps=50, tf_random_seed=1),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--job-dir", required=True)
    arguments = parser.parse_args()
    tf.logging.set_verbosity(tf.logging.INFO)
    tf.estimator.train_and_evaluate(
        build(arguments.job_dir),
        tf.estimator.TrainSpec(read(arguments.data + "/*.csv", is_training=True), max_steps=100),
        tf.estimator.EvalSpec(
            read(arguments.data + "/*.csv", is_training=False),
            steps=None,
            start_delay_secs=0,
            throttle_secs=0,
            exporters=tf.estimator.LatestExporter("exporter", serving_input_fn),
        ),
    )
