"""What programs of TensorFlow 1 do, in the runtime ``tf1``, as one job."""

import ast

import pytest
from runtimes.conftest import TRAINERS

from cloud.backends.packaging import sdist
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.server.thread import BackgroundCloud

pytestmark = pytest.mark.timeout(600)
REPLACED = (
    " was removed in TensorFlow 2, and this is TensorFlow 2.15.1 as compat.v1: use what replaced it "
    "(tf.estimator, tf.keras, tf.layers, tf_slim, tensorflow_addons)"
)
RESULTS = {
    "session": [3.0, 7.0],
    "interactive_session": 3,
    "variables": [2.0, 2.0],
    "collections": 2.0,
    "layers": [2, 5],
    "recurrent": [2, 5, 2],
    "optimizers": 0.0,
    "monitored_session": 3,
    "queue_runners": 6,
    "records": 8,
    "initializable_iterator": [0, 1, 2, 3, 4],
    "checkpoints": 5.0,
    "frozen_graph": 6.0,
    "simple_save": [2.0, 4.0],
    "builder": ["saved_model.pb", "variables"],
    "keras": ["loss", "mean_absolute_error"],
    "keras_of_tf": [2, 1],
    "keras_estimator": "Estimator",
    "keras_by_private_path": [True, "Estimator", [[0, 0, 1]]],
    "custom_estimator": ["global_step", "loss", "rmse"],
    "pandas_input": 2,
    "feature_columns": [1, 14],
    "lookup_table": [2, -1],
    "metrics": 0.5,
    "summaries": 1,
    "gfile": ["text", True, ["c"]],
    "flags": [7, ["program", "rest"]],
    "conditions": 5,
    "py_func": 4.0,
    "gradients": 6.0,
    "old_names": [0.0, 5, True, True],
    "child_process": "4",
    "contrib_of_data_and_tables": [[b"b", b"?"], [1, 2, 3]],
    "contrib_of_networks": [True, 20],
    "contrib_slim": [
        [2, 1],
        ["fully_connected/biases", "fully_connected/weights", "hidden/biases", "hidden/weights"],
    ],
    "contrib_hparams": {"rate": 2.0, "units": [8, 4], "name": "x", "on": False},
    "contrib_of_estimators": [True, "CrossShardOptimizer", 0.5, True],
    "contrib_forward_features": [[b"a"], [b"b"]],
    "contrib": [
        f"AttributeError: tf.contrib.layers.real_valued_column{REPLACED}",
        f"ModuleNotFoundError: tf.contrib.gan{REPLACED}",
        f"ModuleNotFoundError: tf.contrib.learn{REPLACED}",
    ],
    "keras_export": ["serving_default"],
    "scikit_learn": "joblib",
    "examples": (
        "ModuleNotFoundError: tensorflow.examples was removed in TensorFlow 2, and this is TensorFlow 2.15.1 as "
        "compat.v1: read the data with tf.keras.datasets, or from a bucket"
    ),
}


def test_the_idioms_of_tensorflow_1_work_or_are_answered_by_a_sentence(cloud: BackgroundCloud) -> None:
    backend = cloud.backend

    async def stage() -> GsUri:
        async with sdist(TRAINERS / "idioms") as archive:
            package = GsUri("idioms-of-tensorflow-1", archive.name)
            await backend.create_bucket(package.bucket)
            await backend.upload(archive, package)
            return package

    package = cloud.run(stage())
    spec = TrainingSpec("idioms", (package,), "idioms.task", runtime_version="1.15", python_version="3.7")
    cloud.run(backend.submit_job(spec))
    job = cloud.run(backend.wait_for_job("idioms"))
    log = [entry.message for entry in cloud.run(backend.read_logs("idioms"))]
    assert job.state is JobState.SUCCEEDED, "\n".join(log[-30:])
    found = dict(line.removeprefix("idiom ").split(": ", 1) for line in log if line.startswith("idiom "))
    assert {name: ast.literal_eval(result) for name, result in found.items()} == RESULTS
