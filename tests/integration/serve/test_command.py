"""``python -m cloud.serve -- COMMAND``: its output, its signals, what it can reach."""

import json
import os
import pty
import select
import shutil
import signal
import sys
from pathlib import Path

import pytest

from integration.serve.programs import (
    MAKE_BUCKET,
    PRINT_IDENTITY,
    PRINT_ML_ACCOUNT,
    SERVE,
    WAIT_FOR_FORK_SERVER,
    end,
    read_until,
    run,
    start,
)


def test_a_command_has_its_input_output_and_status(environ: dict[str, str]) -> None:
    result = run(environ, "--", "sh", "-c", "cat; echo to err >&2; exit 7", stdin="to out")
    assert (result.returncode, result.stdout, result.stderr) == (7, "to out", "to err\n")


def test_while_a_longer_command_runs_tensorflow_is_loaded_for_its_jobs(environ: dict[str, str]) -> None:
    result = run(environ, "--launcher", "warm", "--", sys.executable, "-c", WAIT_FOR_FORK_SERVER)
    assert (result.returncode, result.stdout) == (0, "loading\n"), result.stderr


def test_around_a_short_command_a_cloud_loads_neither_the_larger_apis_nor_what_prepares_jobs(
    environ: dict[str, str],
) -> None:
    result = run(environ | {"PYTHONPROFILEIMPORTTIME": "1"}, "--", "true")
    assert result.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "cloud.emulator.storage_v1.routes" in loaded
    larger = {f"cloud.emulator.{api}.routes" for api in ("aiplatform_v1", "logging_v2", "ml_v1")}
    assert loaded & (larger | {"cloud.engine.jobs.execution", "cloud.engine.runtimes.runtimes", "packaging"}) == set()


def test_a_command_that_a_signal_ends(environ: dict[str, str]) -> None:
    assert run(environ, "--", "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_arguments_after_the_dashes_are_the_commands(environ: dict[str, str]) -> None:
    result = run(environ, "--", "env", "printf", "%s ", "--help", "--", "--state")
    assert (result.returncode, result.stdout) == (0, "--help -- --state ")


def test_a_command_that_does_not_exist(environ: dict[str, str]) -> None:
    result = run(environ, "--", "no-such-program")
    assert (result.returncode, result.stderr) == (127, "error: no-such-program: No such file or directory\n")


def test_a_command_that_is_not_executable(environ: dict[str, str], tmp_path: Path) -> None:
    result = run(environ, "--", str(tmp_path))
    assert result.returncode == 126
    assert "Permission denied" in result.stderr


def test_the_environment_alone_makes_a_program_the_owner(environ: dict[str, str]) -> None:
    result = run(environ, "--project", "my-project", "--", sys.executable, "-c", PRINT_IDENTITY)
    assert result.stdout == "my-project owner@my-project.example.com True\n", result.stderr


def test_a_client_that_sends_an_emulator_no_token_is_the_owner_too(environ: dict[str, str]) -> None:
    result = run(environ, "--", sys.executable, "-c", MAKE_BUCKET, "some-bucket")
    assert result.stdout == "200\n", result.stderr


def test_a_request_through_the_gateway_needs_a_token(environ: dict[str, str]) -> None:
    url = "https://storage.googleapis.com/storage/v1/b?project=local-project"
    result = run(environ, "--", "curl", "-s", "-o", os.devnull, "-w", "%{http_code}", url)
    assert result.stdout == "401"


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
    result = run(environ, "--", "sh", "-ec", f"TOKEN=$({print_token}); {PRINT_ML_ACCOUNT}")
    assert result.stdout.startswith("service-"), result.stderr
    assert result.stdout.endswith("@cloud-ml.google.com.iam.gserviceaccount.com\n")


def test_what_was_asked_for_in_vain_is_told_when_it_happens_and_at_the_end(environ: dict[str, str]) -> None:
    url = "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets"
    result = run(environ, "--", "curl", "-s", url, url)
    assert result.stdout.count('"SERVICE_DISABLED"') == 2
    assert result.stderr.splitlines() == [
        "refused: bigquery.googleapis.com:443 is not emulated here",
        "refused: bigquery.googleapis.com:443 is not emulated here, 2 times",
        "Asked for in vain: bigquery.googleapis.com:443 (2 times)",
    ]


def test_a_request_that_clients_make_by_themselves_is_answered(environ: dict[str, str], tmp_path: Path) -> None:
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/x@example.com/allowedLocations"
    environ |= {"HOME": str(tmp_path)}
    token = " ".join([*SERVE, "token"])
    result = run(environ, "--", "sh", "-ec", f'curl -s -H "Authorization: Bearer $({token})" {url}')
    assert json.loads(result.stdout) == {"encodedLocations": "0x0"}, result.stderr


def test_a_lifecycle_is_performed_when_it_is_asked_for(environ: dict[str, str]) -> None:
    lifecycle = " ".join([*SERVE, "lifecycle"])
    bucket = {
        "name": "taxi",
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"matchesSuffix": [".tmp"]}}]},
    }
    script = f"""
        json="-H Content-Type:application/json"
        curl -s -o /dev/null $json -d '{json.dumps(bucket)}' "$STORAGE_EMULATOR_HOST/storage/v1/b?project=p"
        for name in a.tmp b.tmp c.csv; do curl -s -T /dev/null "$STORAGE_EMULATOR_HOST/taxi/$name"; done
        {lifecycle} taxi
        curl -s "$STORAGE_EMULATOR_HOST/storage/v1/b/taxi/o?fields=items/name"; echo
        {lifecycle} no-such-bucket || echo "status $?"
        {" ".join(SERVE)} --state "$PWD/no-such-cloud" lifecycle taxi || echo "status $?"
        {" ".join(SERVE)} --iam off lifecycle taxi || echo "status $?"
    """
    result = run(environ, "--", "sh", "-ec", script)
    done, listed, status, elsewhere, in_vain = result.stdout.splitlines()
    assert (elsewhere, "no cloud is running with --state" in result.stderr) == ("status 1", True), result.stderr
    assert (in_vain, "lifecycle has no option --iam" in result.stderr) == ("status 2", True), result.stderr
    assert done == "taxi: 2 deleted, 0 with another storage class, 0 uploads aborted, 0 kept by a hold or a retention"
    assert json.loads(listed) == {"items": [{"name": "c.csv"}]}
    assert (status, "The specified bucket does not exist" in result.stderr) == ("status 1", True), result.stderr


def test_the_owners_listener_does_not_trust_pages_in_a_browser(environ: dict[str, str]) -> None:
    quiet, url = (
        'curl -s -o /dev/null -w "%{http_code} "',
        '"$STORAGE_EMULATOR_HOST/storage/v1/b?project=local-project"',
    )
    script = f'{quiet} {url}; {quiet} -H "Origin: https://evil.example" {url}'
    assert run(environ, "--", "sh", "-c", script).stdout == "200 401 "


def test_conflicting_variables_are_unset_and_the_users_own_kept(environ: dict[str, str]) -> None:
    environ |= {"CLOUDSDK_AUTH_ACCESS_TOKEN": "theirs", "MY_OWN": "kept"}
    result = run(environ, "--", "sh", "-c", 'echo "${CLOUDSDK_AUTH_ACCESS_TOKEN-none} $MY_OWN"')
    assert result.stdout == "none kept\n"


def test_soft_mode_prints_at_the_end_what_strict_mode_would_refuse(environ: dict[str, str]) -> None:
    list_buckets = "curl -s -o /dev/null https://storage.googleapis.com/storage/v1/b?project=local-project"
    result = run(environ, "--iam", "soft", "--", "sh", "-c", "; ".join([list_buckets] * 3))
    violation = "Anonymous caller does not have storage.buckets.list on the project: strict mode refuses this"
    assert result.stderr.splitlines() == [violation, f"not allowed: {violation}, 3 times"]


def test_the_key_is_private_and_deleted_with_the_cloud(environ: dict[str, str]) -> None:
    show = 'stat -c "%a" "$GOOGLE_APPLICATION_CREDENTIALS"; echo "$GOOGLE_APPLICATION_CREDENTIALS"'
    mode, key = run(environ, "--", "sh", "-c", show).stdout.split()
    assert mode == "600"
    assert not Path(key).parents[1].exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_forwarded_to_the_command(environ: dict[str, str], number: signal.Signals) -> None:
    script = f"trap 'echo got it; exit 5' {number.value}; echo ready; while :; do sleep 0.05; done"
    with start(environ, "--", "sh", "-c", script) as process:
        read_until(process, "ready")
        out, err = end(process, number)
    assert (process.returncode, out, err) == (5, "got it\n", "")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux's pidfd_open")
def test_the_command_and_its_children_are_killed_with_the_server(environ: dict[str, str]) -> None:
    with start(environ, "--", "sh", "-c", "sleep 1000 & echo $! $$; wait") as process:
        assert process.stdout is not None
        handles = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        process.kill()
        for handle in handles:
            assert select.select([handle], [], [], 20)[0]
            os.close(handle)


def test_at_a_terminal_the_command_receives_ctrl_c_once(environ: dict[str, str]) -> None:
    script = (
        "import signal, sys\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda *_: got.append(1))\n"
        "print('ready', flush=True)\n"
        "while not got:\n"
        "    signal.sigtimedwait([signal.SIGUSR1], 0.1)\n"
        "signal.sigtimedwait([signal.SIGUSR1], 0.5)  # wait for a second one\n"
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
