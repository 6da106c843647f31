from pathlib import Path

import pytest

from cloud.engine.confinement.layers import Findings, Layers, judge
from cloud.engine.confinement.policy import Secret, check_reads, describe, notices
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.settings import ConfineMode

NO_NAMESPACES = "user namespaces are refused here (kernel.apparmor_restrict_unprivileged_userns=1)"
ALL = judge(Findings(landlock=7))
FILES_ONLY = judge(Findings(landlock=3, namespaces=NO_NAMESPACES))


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (ALL, "jobs are confined: files, signals, network"),
        (
            FILES_ONLY,
            "jobs are confined: files only; not signals: Landlock knows signals from Linux 6.12; "
            f"not the network: {NO_NAMESPACES}, and Landlock knows TCP from Linux 6.7",
        ),
        (
            judge(Findings(landlock=7, namespaces=NO_NAMESPACES)),
            f"jobs are confined: files, signals, network; only by TCP ports, since {NO_NAMESPACES}",
        ),
        (
            judge(Findings(landlock=0)),
            "jobs are confined: files, network; not signals: Landlock is missing or switched off in this kernel",
        ),
        (
            judge(Findings(landlock=7, seccomp="seccomp: Invalid argument")),
            "jobs are confined: files only; not signals: seccomp: Invalid argument; "
            "not the network: seccomp: Invalid argument",
        ),
        (judge(Findings("darwin")), "jobs are not confined on macOS"),
    ],
)
def test_what_is_held_and_what_not_is_said_in_one_line(layers: Layers, line: str) -> None:
    assert describe(layers) == line
    told = notices(ConfineMode.AUTO, layers, (), ())
    assert told.lines == (line,)
    assert told.unexpected == (() if layers is ALL else (line,))


def test_off_says_so_whatever_the_machine_can() -> None:
    told = notices(ConfineMode.OFF, None, (), ())
    assert told.lines == ("jobs are not confined (--confine off): they have your rights",)
    assert told.unexpected == ()


def test_require_is_met_or_refused_with_each_reason() -> None:
    assert notices(ConfineMode.REQUIRE, ALL, (), ()).lines == ("jobs are confined: files, signals, network",)
    with pytest.raises(FailedPrecondition) as refused:
        notices(ConfineMode.REQUIRE, FILES_ONLY, (), ())
    assert refused.value.message == (
        "jobs cannot be confined as --confine require asks: not signals: Landlock knows signals from Linux 6.12; "
        f"not the network: {NO_NAMESPACES}, and Landlock knows TCP from Linux 6.7"
    )
    with pytest.raises(FailedPrecondition, match=r"asks: not confined on macOS$"):
        notices(ConfineMode.REQUIRE, judge(Findings("darwin")), (), ())


def test_a_secret_below_what_jobs_read_is_a_warning_or_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "env/state").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "env/state")
    secrets = [
        Secret("the state folder", tmp_path / "link", "choose another with --state"),
        Secret("your home folder", tmp_path / "home", "keep what is secret elsewhere"),
    ]
    text = (
        f"jobs can read the state folder {tmp_path}/link, because it lies below {tmp_path}/env, which they need: "
        "choose another with --state"
    )

    assert notices(ConfineMode.AUTO, ALL, [tmp_path / "env"], secrets).unexpected == (f"warning: {text}",)
    with pytest.raises(FailedPrecondition, match="can read the state folder"):
        notices(ConfineMode.REQUIRE, ALL, [tmp_path / "env"], secrets)
    assert notices(ConfineMode.REQUIRE, ALL, [tmp_path / "env/lib"], secrets).warnings == ()


def test_folders_for_jobs_must_exist_and_not_hold_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.chdir(tmp_path)

    assert check_reads([Path("data")], tmp_path / "state") == (data,)
    with pytest.raises(InvalidArgument, match="--job-reads: no such folder: nowhere"):
        check_reads([Path("nowhere")], tmp_path / "state")
    for held in (data, data / "state"):
        with pytest.raises(InvalidArgument, match=f"--job-reads: data holds the state folder {held}"):
            check_reads([Path("data")], held)
