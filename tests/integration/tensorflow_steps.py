"""A trainer's use of ``gs://`` in steps: test_clients_tensorflow.py runs it with a job's environment.

python tensorflow_steps.py gs://BUCKET gs://BUCKET_WITHOUT_GRANT STATUS_BUCKET_PREFIX REPORT.json
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

ROOT, CLOSED, STATUS, REPORT = sys.argv[1:]
STEPS: dict[str, Callable[[], Any]] = {}
STATUSES = (400, 401, 403, 404, 412, 503)


def step(function: Callable[[], Any]) -> Callable[[], Any]:
    STEPS[function.__name__] = function
    return function


def write(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


def read(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return str(file.read())


@step
def write_and_read() -> Any:
    write(f"{ROOT}/text/a.txt", "one\ntwo\n")
    write(f"{ROOT}/text/empty.txt", "")
    return [read(f"{ROOT}/text/a.txt"), read(f"{ROOT}/text/empty.txt")]


@step
def odd_names() -> Any:
    names = ["with space.txt", "grün/日本.txt", "per%2Fcent+plus&and=.txt", "q?and#.txt"]
    for name in names:
        write(f"{ROOT}/odd/{name}", name)
    return [read(f"{ROOT}/odd/{name}") == name for name in names]


@step
def large_file() -> Any:
    data = np.random.default_rng(1).bytes(24 * 2**20)
    start = time.monotonic()
    with tf.io.gfile.GFile(f"{ROOT}/large.bin", "wb") as file:
        file.write(data)
    written = time.monotonic()
    with tf.io.gfile.GFile(f"{ROOT}/large.bin", "rb") as file:
        same = file.read() == data
    return {"same": same, "write": written - start, "read": time.monotonic() - written}


@step
def seek_and_tell() -> Any:
    with tf.io.gfile.GFile(f"{ROOT}/text/a.txt") as file:
        file.seek(4)
        return [file.read(3), file.tell(), file.size()]


@step
def append() -> Any:
    write(f"{ROOT}/text/log.txt", "first\n")
    with tf.io.gfile.GFile(f"{ROOT}/text/log.txt", "a") as file:
        file.write("second\n")
    return read(f"{ROOT}/text/log.txt")


@step
def many_small_files() -> Any:
    for number in range(20):
        write(f"{ROOT}/many/{number:02}.txt", str(number))
    return [read(path) for path in sorted(tf.io.gfile.glob(f"{ROOT}/many/*.txt"))]


@step
def glob() -> Any:
    write(f"{ROOT}/parts/train-0.csv", "1,2\n3,4\n")
    write(f"{ROOT}/parts/train-1.csv", "5,6\n")
    write(f"{ROOT}/parts/valid-0.csv", "7,8\n")
    return [tf.io.gfile.glob(f"{ROOT}/parts/train-*"), tf.io.gfile.glob(f"{ROOT}/parts/none-*")]


@step
def folders() -> Any:
    tf.io.gfile.makedirs(f"{ROOT}/made/inner")
    stat = tf.io.gfile.stat(f"{ROOT}/parts/train-0.csv")
    return {
        "isdir": [
            tf.io.gfile.isdir(f"{ROOT}/{name}") for name in ("made/inner", "parts", "parts/train-0.csv", "nowhere")
        ],
        "exists": [tf.io.gfile.exists(f"{ROOT}/{name}") for name in ("made", "parts/train-0.csv", "nowhere")],
        "listdir": [sorted(tf.io.gfile.listdir(f"{ROOT}/parts")), tf.io.gfile.listdir(f"{ROOT}/made")],
        "walk": [[top, dirs, sorted(files)] for top, dirs, files in tf.io.gfile.walk(f"{ROOT}/parts")],
        "size": stat.length,
        "age": time.time() - stat.mtime_nsec / 1e9,
    }


@step
def rename_copy_remove() -> Any:
    write(f"{ROOT}/move/a", "a")
    write(f"{ROOT}/move/dir/b", "b")
    tf.io.gfile.rename(f"{ROOT}/move/a", f"{ROOT}/move/c")
    tf.io.gfile.rename(f"{ROOT}/move/dir", f"{ROOT}/move/moved")
    tf.io.gfile.copy(f"{ROOT}/move/c", f"{ROOT}/move/d")
    after = sorted(tf.io.gfile.listdir(f"{ROOT}/move"))
    tf.io.gfile.remove(f"{ROOT}/move/d")
    tf.io.gfile.rmtree(f"{ROOT}/move/moved")
    return [after, sorted(tf.io.gfile.listdir(f"{ROOT}/move"))]


@step
def text_line_dataset() -> Any:
    files = tf.data.Dataset.list_files(f"{ROOT}/parts/train-*", shuffle=False)
    return [line.decode() for line in files.interleave(tf.data.TextLineDataset, cycle_length=1).as_numpy_iterator()]


def model() -> Any:
    inputs = keras.Input((1,), name="x")
    built = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones", name="y")(inputs))
    built.compile("sgd", "mse")
    return built


@step
def export_and_load() -> Any:
    model().export(f"{ROOT}/export", verbose=False)
    loaded = tf.saved_model.load(f"{ROOT}/export")
    return loaded.serve(tf.constant([[2.0]])).numpy().tolist()


@step
def keras_save_and_load() -> Any:
    model().save(f"{ROOT}/model.keras")
    return keras.models.load_model(f"{ROOT}/model.keras").predict(np.array([[3.0]]), verbose=0).tolist()


@step
def summaries() -> Any:
    writer = tf.summary.create_file_writer(f"{ROOT}/summaries")
    with writer.as_default():
        for number in range(3):
            tf.summary.scalar("loss", float(number), step=number)
            writer.flush()
    writer.close()
    (path,) = tf.io.gfile.glob(f"{ROOT}/summaries/events*")
    events = (tf.compat.v1.Event.FromString(record) for record in tf.data.TFRecordDataset(path).as_numpy_iterator())
    return [event.step for event in events if event.summary.value]


@step
def checkpoint_manager() -> Any:
    number = tf.Variable(0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(number=number), f"{ROOT}/checkpoints", max_to_keep=2)
    for value in (1, 2, 3):
        number.assign(value)
        manager.save()
    number.assign(0)
    manager.checkpoint.restore(tf.train.latest_checkpoint(f"{ROOT}/checkpoints")).assert_consumed()
    return [int(number), [path.rpartition("/")[2] for path in manager.checkpoints]]


@step
def callbacks() -> Any:
    features, labels = np.ones((8, 1)), np.ones((8, 1))

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise InterruptedError

    def fit(*extra: Any) -> list[int]:
        kept = [
            keras.callbacks.BackupAndRestore(f"{ROOT}/backup"),
            keras.callbacks.ModelCheckpoint(f"{ROOT}/best.weights.h5", save_weights_only=True),
            keras.callbacks.TensorBoard(f"{ROOT}/tensorboard"),
        ]
        history = model().fit(features, labels, epochs=4, verbose=0, callbacks=[*kept, *extra])
        return list(history.epoch)

    try:
        fit(Stop())
    except InterruptedError:
        resumed = fit()
    return {
        "epochs after resuming": resumed,
        "weights": tf.io.gfile.exists(f"{ROOT}/best.weights.h5"),
        "events": len(tf.io.gfile.glob(f"{ROOT}/tensorboard/train/events*")),
    }


@step
def missing_object() -> Any:
    return read(f"{ROOT}/nowhere.txt")


@step
def missing_bucket() -> Any:
    return read("gs://there-is-no-such-bucket/x")


@step
def read_without_grant() -> Any:
    return read(f"{CLOSED}/secret.txt")


@step
def write_without_grant() -> Any:
    write(f"{CLOSED}/new.txt", "x")


@step
def list_without_grant() -> Any:
    return tf.io.gfile.glob(f"{CLOSED}/*")


for status in STATUSES:
    STEPS[f"read {status}"] = lambda status=status: read(f"gs://{STATUS}{status}/x")
    STEPS[f"write {status}"] = lambda status=status: write(f"gs://{STATUS}{status}/x", "x")
    STEPS[f"list {status}"] = lambda status=status: tf.io.gfile.glob(f"gs://{STATUS}{status}/*")

# One method is enough for the statuses whose retries take seconds.
STEPS["read 429"] = lambda: read(f"gs://{STATUS}429/x")
STEPS["read 500"] = lambda: read(f"gs://{STATUS}500/x")


def main() -> None:
    report = {}
    for name, function in STEPS.items():
        start = time.monotonic()
        try:
            outcome = {"value": function()}
        except Exception as error:  # noqa: BLE001 - the error is the result
            outcome = {"error": type(error).__name__, "text": str(error)}
        report[name] = outcome | {"seconds": time.monotonic() - start}
    with open(REPORT, "w") as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
