"""``python -m cloud.serve -- COMMAND``: its output, its signals, what it can reach."""

import os
import pty
import select
import shutil
import signal
import sys
from pathlib import Path

import pytest

from integration.serve.programs import LABS_LINE, MAKE_BUCKET, SERVE, WHO_AM_I, end, read_until, run, start


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


@pytest.mark.parametrize(
    "print_token",
    [
        " ".join([*SERVE, "token"]),
        pytest.param(
            "gcloud auth print-access-token",
            marks=[
                pytest.mark.clients,
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
    violation = "Anonymous caller does not have storage.buckets.list on the project: strict mode refuses this"
    assert told.stderr.splitlines() == [violation, f"not allowed: {violation}, 3 times"]


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
