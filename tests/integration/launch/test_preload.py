"""The modules that a warm launcher preloads."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.engine.launch.client import Interpreter, Launcher
from cloud.errors import Unavailable
from cloud.settings import LauncherKind
from integration.launch.programs import (
    ENVIRON,
    KINDS,
    Programs,
    linux_only,
    run,
)


@linux_only
async def test_requests_wait_for_the_preload(programs: Programs) -> None:
    programs.write("import time; time.sleep(0.5); print('loaded')", "slow")
    programs.interpreter = Interpreter(preload=("slow",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})
    command = programs.command("import sys; print('slow' in sys.modules)")

    statuses = await asyncio.gather(*(run(launcher, command, programs.on_output) for _ in range(3)))

    assert all(status.ok for status in statuses)
    assert [line.text for line in programs.lines] == ["True"] * 3
    await launcher.close()


@linux_only
@pytest.mark.parametrize(
    ("source", "reason"),
    [("import absent_module", "No module named 'absent_module'"), ("import sys; sys.exit(3)", "SystemExit: 3")],
)
async def test_preload_that_fails(programs: Programs, source: str, reason: str) -> None:
    programs.write(source, "bad")
    programs.interpreter = Interpreter(preload=("json", "bad"))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})

    with pytest.raises(Unavailable, match=f"cannot preload bad: .*{reason}"):
        await launcher.ready(programs.interpreter)
    with pytest.raises(Unavailable, match="cannot preload bad"):
        await launcher.launch(programs.command("print('never')"), programs.on_output)

    assert programs.lines == []
    await launcher.close()
    await launcher.close()


@linux_only
async def test_a_package_that_failed_in_the_preload_raises_the_same_error_again(programs: Programs) -> None:
    """Python removes such a package from sys.modules, but not the submodules that it had loaded."""
    programs.write("")
    folder = programs.folder / "broken"
    folder.mkdir()
    (folder / "part.py").touch()
    (folder / "__init__.py").write_text("import broken.part\nraise ImportError('the true cause')\n")
    programs.write("try:\n    import broken\nexcept ImportError:\n    pass", "tries")
    programs.interpreter = Interpreter(preload=("tries",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})

    status = await run(launcher, programs.command("import broken"), programs.on_output)

    assert status.code == 1
    assert programs.lines[-1].text == "ImportError: the true cause"
    assert not [line.text for line in programs.lines if "KeyError" in line.text]
    await launcher.close()


@linux_only
async def test_close_while_loading(programs: Programs) -> None:
    programs.write("import time; time.sleep(600)", "slow")
    programs.interpreter = Interpreter(preload=("slow",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})
    await launcher.start(programs.interpreter)

    async with asyncio.timeout(10):
        await launcher.close()


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


@linux_only
async def test_tensorflow_trains_in_two_forks_at_once(programs: Programs, tmp_path: Path) -> None:
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.close()

    proxy = await asyncio.start_server(handle, "127.0.0.1")
    port = proxy.sockets[0].getsockname()[1]
    # TensorFlow reads the number of retries when it is loaded, the proxy for each request.
    programs.interpreter = Interpreter(preload=("tensorflow", "keras"))
    launcher = Launcher(LauncherKind.WARM, environ={"GCS_RETRY_CONFIG_MAX_RETRIES": "0"})
    command = programs.command(
        TRAIN,
        https_proxy=f"http://127.0.0.1:{port}",
        GOOGLE_AUTH_TOKEN_FOR_TESTING="x",  # noqa: S106 - not a secret
    )
    commands = [replace(command, argv=(str(tmp_path / name),)) for name in ("a", "b")]
    try:
        await launcher.ready(programs.interpreter)
        statuses = await asyncio.gather(*(run(launcher, each, programs.on_output) for each in commands))
    finally:
        await launcher.close()
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


LEGACY = """
    import os
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    from tensorflow.keras import layers
    from tensorflow.keras.models import Sequential
    from tensorflow import keras
    print("modules", *(each.__module__ for each in (layers.Dense, Sequential, keras.Model, tf.keras.losses.Loss)))
    """


async def test_legacy_keras_is_what_the_program_or_the_job_asks_for(programs: Programs) -> None:
    programs.interpreter = Interpreter(preload=("tensorflow", "keras"))
    launchers = [Launcher(kind) for kind in KINDS]
    commands = [programs.command(LEGACY, TF_CPP_MIN_LOG_LEVEL="2")]
    programs.write(LEGACY.replace("os.environ[", "# "), "for_job")
    commands.append(replace(commands[0], module="for_job", environ={**ENVIRON, "TF_USE_LEGACY_KERAS": "1"}))
    try:
        statuses = await asyncio.gather(
            *(run(launcher, command, programs.on_output) for launcher in launchers for command in commands)
        )
    finally:
        await asyncio.gather(*(launcher.close() for launcher in launchers))

    assert all(status.ok for status in statuses), programs.text("stderr")
    lines = [line.split()[1:] for line in programs.text().splitlines() if line.startswith("modules ")]
    assert [{name.partition(".")[0] for name in line} for line in lines] == [{"tf_keras"}] * len(statuses)


@linux_only
async def test_each_process_has_its_own_ca_file_for_googles_client(programs: Programs, tmp_path: Path) -> None:
    # httplib2 reads the variable when it is loaded, and TensorFlow loads it.
    trusted = tmp_path / "ca.pem"
    trusted.touch()
    programs.interpreter = Interpreter(preload=("httplib2",))
    launcher = Launcher(LauncherKind.WARM)
    show = "import httplib2; print(httplib2.CA_CERTS)"
    try:
        for given in ({"HTTPLIB2_CA_CERTS": str(trusted)}, {}):
            assert (await run(launcher, programs.command(show, **given), programs.on_output)).ok
    finally:
        await launcher.close()
    first, second = programs.text("stdout").splitlines()
    assert first == str(trusted) != second
