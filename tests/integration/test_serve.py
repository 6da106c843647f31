"""``python -m cloud.serve`` as a user has it: a process, its output, its signals, and other processes that use it."""

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVE = [sys.executable, "-m", "cloud.serve"]
WHO_AM_I = """
import google.auth, google.auth.transport.requests as transport
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(transport.Request())
print(project, credentials.service_account_email, len(credentials.token) > 100)
"""
MAKE_BUCKET = """
import os, sys, requests
made = requests.post(os.environ["STORAGE_EMULATOR_HOST"] + "/storage/v1/b", json={"name": sys.argv[1]}, timeout=20)
print(made.status_code)
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "user").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUD_", "CLOUDSDK_"))}
    return kept | {"XDG_RUNTIME_DIR": str(tmp_path / "user"), "CLOUD_LAUNCHER": "cold"}


def run(environ: dict[str, str], *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        start_new_session=True,
        check=False,
    )


def start(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SERVE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"it ended: {seen}\n{process.communicate()}")


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=60)


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with start(environ) as process:
        read_until(process, "Ctrl-C ends it")
        yield process
        process.kill()


# ---------------------------------------------------------------- around one command


def test_a_command_has_its_input_output_and_status(environ: dict[str, str]) -> None:
    told = run(environ, "--", "sh", "-c", "cat; echo to err >&2; exit 7", given="to out")
    assert (told.returncode, told.stdout, told.stderr) == (7, "to out", "to err\n")


def test_a_command_that_a_signal_ends(environ: dict[str, str]) -> None:
    assert run(environ, "--", "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_what_follows_the_dashes_is_never_ours(environ: dict[str, str]) -> None:
    told = run(environ, "--", "env", "printf", "%s ", "--help", "--", "--state")
    assert (told.returncode, told.stdout) == (0, "--help -- --state ")


def test_a_command_that_does_not_exist(environ: dict[str, str]) -> None:
    told = run(environ, "--", "no-such-program")
    assert (told.returncode, told.stderr) == (127, "error: no-such-program: No such file or directory\n")


def test_a_command_that_is_no_program(environ: dict[str, str], tmp_path: Path) -> None:
    told = run(environ, "--", str(tmp_path))
    assert told.returncode == 126
    assert "Permission denied" in told.stderr


def test_the_environment_alone_makes_a_program_the_owner(environ: dict[str, str]) -> None:
    told = run(environ, "--project", "my-project", "--", sys.executable, "-c", WHO_AM_I)
    assert told.stdout == "my-project owner@my-project.example.com True\n", told.stderr


def test_a_client_that_sends_an_emulator_no_token_is_the_owner_too(environ: dict[str, str]) -> None:
    told = run(environ, "--", sys.executable, "-c", MAKE_BUCKET, "some-bucket")
    assert told.stdout == "200\n", told.stderr


def test_through_the_gateway_who_shows_no_token_is_nobody(environ: dict[str, str]) -> None:
    url = "https://storage.googleapis.com/storage/v1/b?project=local-project"
    told = run(environ, "--", "curl", "-s", "-o", os.devnull, "-w", "%{http_code}", url)
    assert told.stdout == "401"


LABS_LINE = (
    'curl -s -X GET -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" '
    "https://ml.googleapis.com/v1/projects/local-project:getConfig "
    """| python3 -c "import json; import sys; response = json.load(sys.stdin); print(response['serviceAccount'])\" """
)
"""The course asks so for the account to grant to."""


@pytest.mark.parametrize(
    "print_token",
    [
        " ".join([*SERVE, "token"]),
        pytest.param(
            "gcloud auth print-access-token",
            marks=[
                pytest.mark.cloud_sdk,
                pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
            ],
        ),
    ],
    ids=["ours", "gcloud"],
)
def test_the_labs_curl_line_with_a_token(environ: dict[str, str], tmp_path: Path, print_token: str) -> None:
    environ |= {"HOME": str(tmp_path)}
    told = run(environ, "--", "sh", "-ec", f"TOKEN=$({print_token}); {LABS_LINE}")
    assert told.stdout.startswith("service-"), told.stderr
    assert told.stdout.endswith("@cloud-ml.google.com.iam.gserviceaccount.com\n")


def test_what_clients_ask_of_their_own_accord_is_refused_and_no_finding(environ: dict[str, str]) -> None:
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/x@example.com/allowedLocations"
    told = run(environ, "--", "curl", "-s", "-w", "%{http_code}", url)
    assert told.stdout.endswith("501")
    assert "is not emulated" in told.stdout
    assert told.stderr == ""


def test_a_page_in_a_browser_does_not_come_in_at_the_owners_door(environ: dict[str, str]) -> None:
    quiet, url = (
        'curl -s -o /dev/null -w "%{http_code} "',
        '"$STORAGE_EMULATOR_HOST/storage/v1/b?project=local-project"',
    )
    ask = f'{quiet} {url}; {quiet} -H "Origin: https://evil.example" {url}'
    assert run(environ, "--", "sh", "-c", ask).stdout == "200 401 "


def test_variables_that_lead_elsewhere_are_gone_and_the_users_own_stay(environ: dict[str, str]) -> None:
    environ |= {"CLOUDSDK_AUTH_ACCESS_TOKEN": "theirs", "MY_OWN": "kept"}
    told = run(environ, "--", "sh", "-c", 'echo "${CLOUDSDK_AUTH_ACCESS_TOKEN-none} $MY_OWN"')
    assert told.stdout == "none kept\n"


def test_in_soft_mode_what_would_have_been_refused_is_said_at_the_end(environ: dict[str, str]) -> None:
    ask = "curl -s -o /dev/null https://storage.googleapis.com/storage/v1/b?project=local-project"
    told = run(environ, "--iam", "soft", "--", "sh", "-c", "; ".join([ask] * 3))
    lapse = "Anonymous caller does not have storage.buckets.list on the project: strict mode refuses this"
    assert told.stderr.splitlines() == [lapse, f"not allowed: {lapse}, 3 times"]


def test_the_key_is_private_and_gone_with_the_cloud(environ: dict[str, str]) -> None:
    show = 'stat -c "%a" "$GOOGLE_APPLICATION_CREDENTIALS"; echo "$GOOGLE_APPLICATION_CREDENTIALS"'
    mode, key = run(environ, "--", "sh", "-c", show).stdout.split()
    assert mode == "600"
    assert not Path(key).parents[1].exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_goes_to_the_command_whose_end_it_is(environ: dict[str, str], number: signal.Signals) -> None:
    script = f"trap 'echo got it; exit 5' {number.value}; echo ready; while :; do sleep 0.05; done"
    with start(environ, "--", "sh", "-c", script) as process:
        read_until(process, "ready")
        out, err = end(process, number)
    assert (process.returncode, out, err) == (5, "got it\n", "")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells of the end of any process")
def test_a_command_dies_with_us_and_so_does_what_it_started(environ: dict[str, str]) -> None:
    with start(environ, "--", "sh", "-c", "sleep 1000 & echo $! $$; wait") as process:
        assert process.stdout is not None
        ends = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        process.kill()
        for end_of_one in ends:
            assert select.select([end_of_one], [], [], 20)[0]
            os.close(end_of_one)


def test_at_a_terminal_ctrl_c_reaches_the_command_once(environ: dict[str, str]) -> None:
    script = (
        "import signal, sys\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda *_: got.append(1))\n"
        "print('ready', flush=True)\n"
        "while not got:\n"
        "    signal.sigtimedwait([signal.SIGUSR1], 0.1)\n"
        "signal.sigtimedwait([signal.SIGUSR1], 0.5)  # time for another\n"
        "print('interrupts', len(got), sys.stdin.readline().strip(), flush=True)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*SERVE, "--", sys.executable, "-c", script], environ)  # noqa: S606
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03typed\n")
    while b"interrupts" not in seen or not seen.endswith(b"\n"):
        seen += os.read(terminal, 1000)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert b"interrupts 1 typed" in seen, seen
    assert os.waitstatus_to_exitcode(status) == 0


# ---------------------------------------------------------------- as a server


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
    assert told.stderr.startswith("error: no cloud is running with --state")
    assert told.stderr.count("\n") == 1


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
            f"error: port: port {port} cannot be had: Address already in use; choose another"
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
        (["--port", "70000"], "from 0 to 65535, not 70000"),
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
