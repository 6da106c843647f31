"""``python -m cloud.serve`` until it is ended, and other processes that use it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from integration.serve.programs import LABS_LINE, MAKE_BUCKET, SERVE, end, read_until, run, start


def test_a_server_says_what_it_serves_and_how_to_use_it(environ: dict[str, str]) -> None:
    with start(environ, "--project", "my-project") as process:
        said = read_until(process, "Ctrl-C ends it")
        out, err = end(process, signal.SIGINT)
    assert (process.returncode, out, err) == (0, "ending\n", "")
    assert "project my-project" in said
    assert "storage.googleapis.com" in said
    assert "cloud.serve env" in said


def test_a_token_of_the_server_that_runs(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    variables = json.loads(run(environ, "env", "--shell", "json").stdout)
    told = subprocess.run(
        ["sh", "-c", LABS_LINE],
        env=environ | _set(variables) | {"TOKEN": run(environ, "token").stdout.strip()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("service-"), told.stderr


def test_another_shell_finds_it(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    script = f'eval "$({" ".join(SERVE)} env)"; {sys.executable} -c "$1" some-bucket'
    told = subprocess.run(
        ["sh", "-c", script, "sh", MAKE_BUCKET], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.stdout == "200\n", told.stderr


def test_refusals_are_shown_as_they_happen(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    variables = json.loads(run(environ, "env", "--shell", "json").stdout)
    for _ in range(3):
        subprocess.run(["curl", "-s", "https://pypi.example"], env=environ | _set(variables), check=False)
    assert server.stderr is not None
    assert server.stderr.readline() == "refused: pypi.example:443 is not emulated here\n"
    assert server.stderr.readline() == "refused: pypi.example:443 is not emulated here, 2 times\n"


def _set(variables: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value is not None}


def test_a_server_whose_terminal_is_closed_ends(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    end(server, signal.SIGHUP)
    assert server.returncode == 0


def test_no_server_is_one_clear_error(environ: dict[str, str], tmp_path: Path) -> None:
    told = run(environ, "env", "--state", str(tmp_path / "state"))
    assert told.returncode == 1
    flag = f"--state {tmp_path / 'state'}"
    assert told.stderr == f"error: no cloud is running with {flag}: start one with python -m cloud.serve {flag}\n"


def test_a_token_of_a_cloud_that_is_gone_is_one_clear_error(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        door = f"http://127.0.0.1:{found.getsockname()[1]}"
    told = run(environ | {"STORAGE_EMULATOR_HOST": door}, "token")
    assert told.returncode == 1
    assert told.stderr.startswith(f"error: STORAGE_EMULATOR_HOST={door}: no local cloud answers there")
    assert told.stderr.count("\n") == 1


def test_a_server_killed_is_not_found_any_more(environ: dict[str, str], server: subprocess.Popen[str]) -> None:
    server.kill()
    server.communicate(timeout=20)
    told = run(environ, "env")
    assert (told.returncode, told.stderr) == (1, "error: no cloud is running: start one with python -m cloud.serve\n")


def test_a_state_folder_keeps_buckets_and_is_where_the_server_is_found(environ: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert run(environ, "--state", state, "--", sys.executable, "-c", MAKE_BUCKET, "some-bucket").stdout == "200\n"
    with start(environ, "--state", state) as process:
        assert f"--state {state}" in read_until(process, "Ctrl-C ends it")
        variables = _set(json.loads(run(environ, "env", "--state", state, "--shell", "json").stdout))
        listed = subprocess.run(
            ["curl", "-s", f"{variables['STORAGE_EMULATOR_HOST']}/storage/v1/b?project=local-project"],
            capture_output=True,
            text=True,
            check=True,
        )
        end(process)
    assert [bucket["name"] for bucket in json.loads(listed.stdout)["items"]] == ["some-bucket"]


def test_the_port_that_was_asked_for(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
        taken = run(environ, "--port", str(port), "--", "true")
        assert taken.returncode == 1
        assert taken.stderr.startswith(
            f"error: port: port {port} cannot be bound: Address already in use; choose another"
        )
        assert taken.stderr.count("\n") == 1
    told = run(environ, "--port", str(port), "--", "sh", "-c", "echo $https_proxy")
    assert told.stdout == f"http://127.0.0.1:{port}\n"


def test_a_state_folder_of_another_version_is_one_clear_error(environ: dict[str, str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert run(environ, "--state", str(state), "--", "true").returncode == 0
    (state / "format").write_text("0\n")
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    told = run(environ, "--state", str(state), "--", "true")
    assert told.returncode == 1
    assert told.stderr.startswith(f"error: the state folder {state} was written by another version of this program")
    assert "choose another folder with --state" in told.stderr
    assert told.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_a_mistake_is_one_clear_error(environ: dict[str, str], arguments: list[str], says: str) -> None:
    told = run(environ, *arguments)
    assert told.returncode == 2
    assert says in told.stderr
    assert "Traceback" not in told.stderr


def test_two_servers_in_one_state_folder(environ: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with start(environ, "--state", state) as process:
        read_until(process, "Ctrl-C ends it")
        told = run(environ, "--state", state, "--", "true")
        end(process)
    assert told.returncode == 1
    assert f"in use by process {process.pid}" in told.stderr
