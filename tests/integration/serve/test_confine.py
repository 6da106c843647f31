"""What ``--confine`` and ``--job-reads`` say at the start of a cloud, on machines that can do all, some or nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.engine.confinement.layers import probe
from integration.serve.programs import end, read_until, run, start

CAN_ALL = all(layer.is_held for layer in (probe().files, probe().signals, probe().network))
NO_NAMESPACES = "user namespaces are refused here (user.max_user_namespaces=0)"
SERVE_ELSEWHERE = """
import sys
from cloud.engine.confinement import layers
layers._try_all = lambda: layers.Findings(landlock={landlock}, namespaces={namespaces!r})
from cloud.cli.serve import main
main(sys.argv[1:])
"""
"""``cloud.serve`` on a machine where the probe finds less."""


@pytest.mark.skipif(not CAN_ALL, reason="this machine cannot confine processes in every way")
def test_a_cloud_says_what_jobs_are_kept_from(environ: dict[str, str]) -> None:
    for arguments in ((), ("--confine", "require")):
        process = start(environ, *arguments)
        assert "jobs are confined: files, signals, network\n" in read_until(process, "Ctrl-C")
        end(process)
        assert run(environ, *arguments, "--", "true").stderr == ""


def test_off_is_said(environ: dict[str, str]) -> None:
    process = start({**environ, "CLOUD_CONFINE": "off"})
    assert "jobs are not confined (--confine off): they have your rights\n" in read_until(process, "Ctrl-C")
    end(process)


def test_require_is_refused_with_the_reason_and_auto_goes_on(environ: dict[str, str]) -> None:
    code = SERVE_ELSEWHERE.format(landlock=3, namespaces=NO_NAMESPACES)
    reasons = (
        "not signals: Landlock knows signals from Linux 6.12; "
        f"not the network: {NO_NAMESPACES}, and Landlock knows TCP from Linux 6.7"
    )
    for mode, status, line in (
        ("require", 1, f"error: jobs cannot be confined as --confine require asks: {reasons}\n"),
        ("auto", 0, f"jobs are confined: files only; {reasons}\n"),
    ):
        command = [sys.executable, "-c", code, "--confine", mode, "--", "true"]
        ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert (ran.returncode, ran.stderr) == (status, line)


def test_a_state_folder_that_jobs_can_read_is_a_warning_or_a_refusal(
    environ: dict[str, str], request: pytest.FixtureRequest
) -> None:
    state = Path(sys.prefix) / "state-of-a-test"
    request.addfinalizer(lambda: shutil.rmtree(state, ignore_errors=True))
    text = f"jobs can read the state folder {state}, because it lies below {sys.prefix}, which they need"
    ran = run(environ, "--state", str(state), "--confine", "require", "--", "true")
    assert (ran.returncode, text in ran.stderr) == (1, True)
    if CAN_ALL:
        ran = run(environ, "--state", str(state), "--", "true")
        assert (ran.returncode, ran.stderr.startswith(f"warning: {text}")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "variables", "text"),
    [
        (("--confine", "yes"), {}, "one of auto, off, require, not 'yes'"),
        ((), {"CLOUD_CONFINE": "yes"}, "error: CLOUD_CONFINE: one of auto, off, require, not 'yes'\n"),
        (("--job-reads", "/nowhere"), {}, "error: --job-reads: no such folder: /nowhere\n"),
        (("--job-reads", "/"), {}, "error: --job-reads: / holds the state folder"),
        ((), {"CLOUD_JOB_READS": "/:/usr"}, "error: --job-reads: / holds the state folder"),
    ],
)
def test_values_that_cannot_be(
    environ: dict[str, str], arguments: tuple[str, ...], variables: dict[str, str], text: str
) -> None:
    ran = run({**environ, **variables}, *arguments, "--", "true")
    assert (ran.returncode, text in ran.stderr) == (2, True), ran.stderr
