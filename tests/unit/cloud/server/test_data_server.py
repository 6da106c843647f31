import os
import subprocess

from tensorboard.data.server_ingester import get_server_binary

from cloud.server.data_server import VARIABLE, write_data_server


def run(program, *flags):
    return subprocess.run([program, *flags], capture_output=True, text=True, timeout=10)


def test_tensorboard_is_led_to_a_program_that_does_not_read_buckets(tmp_path, monkeypatch):
    environ = write_data_server(tmp_path / "data-server")
    monkeypatch.setenv(VARIABLE, environ[VARIABLE])
    error = tmp_path / "error"
    result = run(get_server_binary().path, "--logdir=gs://b/logs", "--port=0", f"--error-file={error}")
    assert (result.returncode, "gs://" in error.read_text()) == (1, True)
    assert "gs://" in run(environ[VARIABLE], "--logdir=gs://b/logs").stderr
    assert os.stat(environ[VARIABLE]).st_mode & 0o777 == 0o700


def test_folders_are_read_by_the_installed_one(tmp_path):
    program = write_data_server(tmp_path / "data-server")[VARIABLE]
    assert "--logdir" in run(program, "--help").stdout


def test_without_an_installed_one_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run(write_data_server(tmp_path / "data-server")[VARIABLE], "--logdir=/logs")
    assert (result.returncode, result.stderr) == (1, "it is not installed\n")
