"""Processes that were forked with TensorFlow loaded are like those that import it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Interpreter, Launcher
from cloud.settings import LauncherKind
from integration.launch.confined import confinement
from integration.launch.programs import ENVIRON, Programs, linux_only, run

pytestmark = [linux_only, pytest.mark.asyncio(loop_scope="module")]
WARM = Interpreter(preload=("tensorflow", "keras"))
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def launcher() -> AsyncIterator[Launcher]:
    """One for all tests. TensorFlow reads the number of retries when it is loaded."""
    launcher = Launcher(LauncherKind.WARM, environ={"GCS_RETRY_CONFIG_MAX_RETRIES": "0", **QUIET})
    await launcher.start(WARM)
    yield launcher
    await launcher.close()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder, WARM)


TRAIN = """
    import os, sys
    import numpy, tensorflow as tf

    weight = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(0.1)
    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((weight * x - 3.0 * x) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
    for x in tf.data.Dataset.from_tensor_slices(tf.ones([200, 4])).map(lambda x: x, num_parallel_calls=2).batch(4):
        step(x)
    print("weight", round(float(weight), 3))
    print("random", float(tf.random.uniform([])), float(tf.keras.random.uniform([])))
    tf.saved_model.save(tf.Module(), sys.argv[1])
    print(sorted(os.listdir(sys.argv[1])))
    try:
        tf.io.gfile.GFile("gs://bucket/object").read()
    except tf.errors.OpError as error:
        print("bucket", type(error).__name__)
    """


async def test_tensorflow_trains_in_two_forks_at_once(launcher: Launcher, programs: Programs, tmp_path: Path) -> None:
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.close()

    proxy = await asyncio.start_server(handle, "127.0.0.1")
    port = proxy.sockets[0].getsockname()[1]
    command = programs.command(
        TRAIN,
        https_proxy=f"http://127.0.0.1:{port}",
        GOOGLE_AUTH_TOKEN_FOR_TESTING="x",  # noqa: S106 - not a secret
    )
    commands = [replace(command, argv=(str(tmp_path / name),)) for name in ("a", "b")]
    try:
        statuses = await asyncio.gather(*(run(launcher, each, programs.on_output) for each in commands))
    finally:
        proxy.close()

    assert all(status.ok for status in statuses), programs.text("stderr")
    lines = programs.text().splitlines()
    assert lines.count("weight 3.0") == 2
    randoms = [set(line.split()[1:]) for line in lines if line.startswith("random")]
    assert len(randoms[0] | randoms[1]) == 4
    assert sum("saved_model.pb" in line for line in lines) == 2
    assert sum(line.startswith("bucket ") for line in lines) == 2
    assert len(requests) >= 2
    assert all(re.match(rb"CONNECT \w+\.googleapis\.com:443 ", line) for line in requests)


CONFINED = """
    import sys, tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensor_slices((tf.ones([32, 4]), tf.ones([32, 1]))).batch(8).cache("cache")
    if sys.argv[1] == "namespace":  # a server of its own, on a free port
        service = tf.data.experimental.service
        dispatcher = service.DispatchServer()
        worker = service.WorkerServer(service.WorkerConfig(dispatcher.target.partition("://")[2]))
        data = data.apply(service.distribute("distributed_epoch", dispatcher.target))
    board = tf.keras.callbacks.TensorBoard("logs", profile_batch=(1, 2))
    checkpoints = tf.keras.callbacks.ModelCheckpoint("best.weights.h5", save_weights_only=True, monitor="loss")
    losses = model.fit(data, epochs=2, callbacks=[board, checkpoints], verbose=0).history["loss"]
    tf.saved_model.save(model, "export")
    print("trained", losses[1] < losses[0], sorted(tf.io.gfile.listdir(".")))
    """


@pytest.mark.parametrize("kind", ["namespace", "landlock"])
async def test_it_trains_confined(launcher: Launcher, programs: Programs, kind: str) -> None:
    network = await launcher.create_network(8123) if kind == "namespace" else None
    wanted = confinement(programs.folder, network)
    command = replace(programs.command(CONFINED, kind, TMPDIR=str(programs.folder), **QUIET), confinement=wanted)

    status = await run(launcher, command, programs.on_output)

    if network:
        network.close()
    assert status.ok, programs.text("stderr")
    assert "trained True" in programs.text()
    assert all(name in programs.text() for name in ("best.weights.h5", "export", "logs"))


LEGACY = """
    import os
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    from tensorflow.keras import layers
    from tensorflow.keras.models import Sequential
    from tensorflow import keras
    print("modules", *(each.__module__ for each in (layers.Dense, Sequential, keras.Model, tf.keras.losses.Loss)))
    """


async def test_legacy_keras_is_what_the_program_or_the_job_asks_for(launcher: Launcher, programs: Programs) -> None:
    by_program = programs.command(LEGACY, **QUIET)
    programs.write(LEGACY.replace("os.environ[", "# "), "for_job")
    by_job = replace(by_program, module="for_job", environ={**ENVIRON, **QUIET, "TF_USE_LEGACY_KERAS": "1"})
    commands = [by_program, by_job, replace(by_job, interpreter=WARM.cold)]

    statuses = await asyncio.gather(*(run(launcher, command, programs.on_output) for command in commands))

    assert all(status.ok for status in statuses), programs.text("stderr")
    lines = [line.split()[1:] for line in programs.text().splitlines() if line.startswith("modules ")]
    assert [{name.partition(".")[0] for name in line} for line in lines] == [{"tf_keras"}] * len(statuses)


STATE = """
    import json, os, sys

    def state():
        import atexit, faulthandler, gc, locale, logging, signal, site, socket, threading, warnings
        main = sys.modules["__main__"]
        return {
            "sys": {
                name: repr(getattr(sys, name)) for name in (
                    "argv", "orig_argv", "executable", "_base_executable", "prefix", "base_prefix", "flags", "path",
                    "warnoptions", "_xoptions", "dont_write_bytecode", "pycache_prefix", "excepthook", "displayhook",
                    "unraisablehook", "breakpointhook", "stdin", "stdout", "stderr",
                )
            },
            "main": [sorted(vars(main)), main.__spec__.name, main.__spec__.origin, main.__cached__],
            "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
            "tracing": [sys.gettrace(), sys.getprofile(), faulthandler.is_enabled(), threading.stack_size()],
            "logging": [logging.root.level, logging.root.handlers, logging.root.manager.disable],
            "showwarning": [warnings.showwarning.__module__, warnings.formatwarning.__module__],
            "signals": [(int(number), repr(signal.getsignal(number))) for number in sorted(signal.valid_signals())],
            "threads": [(thread.name, thread.daemon) for thread in threading.enumerate()],
            "native id": threading.main_thread().native_id == threading.get_native_id() == os.getpid(),
            "gc": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)],
            "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(False)],
            "site": [site.ENABLE_USER_SITE, site.USER_BASE, site.USER_SITE, site.getsitepackages()],
            "files": sorted(os.listdir("/proc/self/fd")),
            "umask": os.umask(0o22),
            "priority": [os.nice(0), sorted(os.sched_getaffinity(0)), socket.getdefaulttimeout()],
        }

    at_start = state()
    environ = dict(os.environ)
    import tensorflow as tf, keras, numpy
    import absl.flags, absl.logging, logging, multiprocessing, tempfile
    from tensorflow.python.eager import context
    imported = state() | {
        "loggers": sorted(
            (name, logger.level, logger.propagate) for name, logger in logging.root.manager.loggerDict.items()
            if isinstance(logger, logging.Logger) and (logger.level or not logger.propagate)
        ),
        "absl": [sorted(absl.flags.FLAGS), absl.flags.FLAGS.is_parsed(), absl.logging.get_verbosity()],
        "tensorflow": [tf.get_logger().level, tf.executing_eagerly(), context.context()._initialized],
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "threading": [tf.config.threading.get_inter_op_parallelism_threads(), tf.config.get_soft_device_placement()],
        "keras": [keras.config.backend(), keras.config.floatx(), keras.config.image_data_format()],
        "keras home": keras.src.backend.config.keras_home(),
        "numpy": [numpy.geterr(), numpy.get_printoptions()["precision"]],
        "multiprocessing": [multiprocessing.get_start_method(True), multiprocessing.current_process().name],
        "__mp_main__": sys.modules["__mp_main__"] is sys.modules["__main__"],
        "temporary": tempfile.gettempdir(),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }
    print("state", json.dumps([environ, at_start, imported], default=repr))
    """


async def test_nothing_else_tells_warm_from_cold(launcher: Launcher, programs: Programs) -> None:
    """What does is listed in forkserver/__init__.py: modules, their loggers and warning filters, and what TensorFlow
    writes to the environment."""
    warm = programs.command(STATE, "--a", "b", **QUIET, HOME=str(programs.folder))
    found = []
    for command in (warm, replace(warm, interpreter=WARM.cold)):
        assert (await run(launcher, command, programs.on_output)).ok, programs.text("stderr")
        found.append(json.loads(programs.lines.pop().text.removeprefix("state ")))

    (environ, at_start, imported), (cold_environ, cold_at_start, cold_imported) = found
    assert environ == cold_environ
    assert at_start == cold_at_start
    assert set(imported.pop("modules")) - set(cold_imported.pop("modules")) == {"_forkserver"}
    assert imported == cold_imported
