"""``python -m cloud.serve`` as a server, and other processes that use it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from integration.serve.programs import MAKE_BUCKET, PRINT_ML_ACCOUNT, SERVE, end, read_until, run, start


def test_a_server_prints_what_it_serves_and_how_to_use_it(environ: dict[str, str]) -> None:
    with start(environ, "--project", "my-project") as process:
        output = read_until(process, "Ctrl-C ends it")
        out, err = end(process, signal.SIGINT)
    assert (process.returncode, out, err) == (0, "ending\n", "")
    assert "project my-project" in output
    assert "storage.googleapis.com" in output
    assert "cloud.serve env" in output


def test_a_token_of_the_running_server(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    variables = json.loads(run(environ, "env", "--shell", "json").stdout)
    result = subprocess.run(
        ["sh", "-c", PRINT_ML_ACCOUNT],
        env=environ | _set_variables(variables) | {"TOKEN": run(environ, "token").stdout.strip()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("service-"), result.stderr


def test_another_shell_finds_the_server(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    script = f'eval "$({" ".join(SERVE)} env)"; {sys.executable} -c "$1" some-bucket'
    result = subprocess.run(
        ["sh", "-c", script, "sh", MAKE_BUCKET], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "200\n", result.stderr


def test_refusals_are_shown_as_they_happen(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    variables = json.loads(run(environ, "env", "--shell", "json").stdout)
    for _ in range(3):
        subprocess.run(["curl", "-s", "https://pypi.example"], env=environ | _set_variables(variables), check=False)
    assert server.stderr is not None
    assert server.stderr.readline() == "refused: pypi.example:443 is not emulated here\n"
    assert server.stderr.readline() == "refused: pypi.example:443 is not emulated here, 2 times\n"


def _set_variables(variables: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value is not None}


def test_a_server_whose_terminal_is_closed_ends(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    end(server, signal.SIGHUP)
    assert server.returncode == 0


def test_no_running_server_is_one_clear_error(environ: dict[str, str], tmp_path: Path) -> None:
    result = run(environ, "env", "--state", str(tmp_path / "state"))
    assert result.returncode == 1
    flag = f"--state {tmp_path / 'state'}"
    assert result.stderr == f"error: no cloud is running with {flag}: start one with python -m cloud.serve {flag}\n"


def test_a_token_of_a_cloud_that_ended_is_one_clear_error(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = run(environ | {"STORAGE_EMULATOR_HOST": url}, "token")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: STORAGE_EMULATOR_HOST={url}: no local cloud answers there")
    assert result.stderr.count("\n") == 1


def test_a_killed_server_is_not_found(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    server.kill()
    server.communicate(timeout=20)
    result = run(environ, "env")
    assert (result.returncode, result.stderr) == (
        1,
        "error: no cloud is running: start one with python -m cloud.serve\n",
    )


def test_a_state_folder_keeps_buckets_and_is_where_the_server_is_found(environ: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert run(environ, "--state", state, "--", sys.executable, "-c", MAKE_BUCKET, "some-bucket").stdout == "200\n"
    with start(environ, "--state", state) as process:
        assert f"--state {state}" in read_until(process, "Ctrl-C ends it")
        variables = _set_variables(json.loads(run(environ, "env", "--state", state, "--shell", "json").stdout))
        listed = subprocess.run(
            ["curl", "-s", f"{variables['STORAGE_EMULATOR_HOST']}/storage/v1/b?project=local-project"],
            capture_output=True,
            text=True,
            check=True,
        )
        end(process)
    assert [bucket["name"] for bucket in json.loads(listed.stdout)["items"]] == ["some-bucket"]


def test_the_given_port_is_used(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        taken = run(environ, "--port", str(port), "--", "true")
        assert taken.returncode == 1
        assert taken.stderr.startswith(
            f"error: port: port {port} cannot be bound: Address already in use; choose another"
        )
        assert taken.stderr.count("\n") == 1
    result = run(environ, "--port", str(port), "--", "sh", "-c", "echo $https_proxy")
    assert result.stdout == f"http://127.0.0.1:{port}\n"


def test_a_state_folder_of_another_version_is_one_clear_error(environ: dict[str, str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert run(environ, "--state", str(state), "--", "true").returncode == 0
    (state / "format").write_text("0\n")
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    result = run(environ, "--state", str(state), "--", "true")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: the state folder {state} was written by another version of this program")
    assert "choose another folder with --state" in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "'--port': 70000 is not in the range"),
        (["--project", "x"], "project id"),
        (["--iam", "lax"], "lax"),
        (["--runtime", "newest"], "newest"),
        (["pytest"], "a command to run inside the cloud comes after --"),
        (["--"], "a command is missing after --"),
        (["env", "--", "true"], "env takes no command"),
        (["env", "--shell", "tcsh"], "tcsh"),
    ],
    ids=str,
)
def test_a_mistake_is_one_clear_error(environ: dict[str, str], arguments: list[str], message: str) -> None:
    result = run(environ, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_two_servers_in_one_state_folder(environ: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with start(environ, "--state", state) as process:
        read_until(process, "Ctrl-C ends it")
        result = run(environ, "--state", state, "--", "true")
        end(process)
    assert result.returncode == 1
    assert f"in use by process {process.pid}" in result.stderr
