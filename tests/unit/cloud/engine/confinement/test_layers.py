import errno
import os

import pytest

from cloud.engine.confinement.layers import Findings, Layer, explain_refusal, judge

HELD = Layer()
REFUSED = "user namespaces are refused here (kernel.apparmor_restrict_unprivileged_userns=1)"


def test_all_hold_where_every_step_succeeds() -> None:
    layers = judge(Findings(landlock=7))

    assert layers.files == layers.signals == layers.network == layers.ports == HELD
    assert layers.files.is_held


def test_without_namespaces_landlock_keeps_files_and_ports() -> None:
    layers = judge(Findings(landlock=7, namespaces=REFUSED))

    assert layers.network == Layer(REFUSED)
    assert layers.files == layers.signals == layers.ports == HELD


@pytest.mark.parametrize(
    ("abi", "files", "ports", "signals"),
    [
        (0, *["Landlock is missing or switched off in this kernel"] * 3),
        (1, "Landlock knows files from Linux 5.19", "Landlock knows TCP from Linux 6.7", None),
        (2, "", "Landlock knows TCP from Linux 6.7", None),
        (3, "", "Landlock knows TCP from Linux 6.7", "Landlock knows signals from Linux 6.12"),
        (4, "", "", "Landlock knows signals from Linux 6.12"),
        (6, "", "", ""),
        (10, "", "", ""),
    ],
)
def test_an_older_landlock_holds_less(abi: int, files: str, ports: str, signals: str | None) -> None:
    layers = judge(Findings(landlock=abi, namespaces=REFUSED))

    assert layers.files.reason == (f"{REFUSED}, and {files}" if files else "")
    assert layers.ports.reason == ports
    assert layers.signals.reason == ("Landlock knows signals from Linux 6.12" if signals is None else signals)


def test_a_private_root_keeps_files_without_landlock() -> None:
    layers = judge(Findings(landlock=1))

    assert layers.files == layers.network == HELD
    assert not layers.signals.is_held


def test_without_the_filter_neither_network_nor_signals_hold() -> None:
    layers = judge(Findings(landlock=7, seccomp="seccomp: Invalid argument"))

    assert layers.files == HELD
    assert layers.network == layers.signals == layers.ports == Layer("seccomp: Invalid argument")


@pytest.mark.parametrize(("system", "name"), [("darwin", "macOS"), ("freebsd14", "freebsd14")])
def test_only_linux_confines(system: str, name: str) -> None:
    layers = judge(Findings(system))

    assert layers.files == layers.signals == layers.network == layers.ports == Layer(f"not confined on {name}")


@pytest.mark.parametrize(
    ("number", "settings", "cause"),
    [
        (
            errno.EPERM,
            {"kernel.apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns=1",
        ),
        (errno.EACCES, {"kernel.unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=0"),
        (
            errno.EPERM,
            {"kernel.apparmor_restrict_unprivileged_userns": "0", "kernel.unprivileged_userns_clone": "1"},
            "unshare: Operation not permitted",
        ),
        (errno.ENOSPC, {"user.max_user_namespaces": "0"}, "user.max_user_namespaces=0"),
        (
            errno.ENOSPC,
            {"user.max_user_namespaces": "9", "user.max_net_namespaces": "0"},
            "user.max_net_namespaces=0",
        ),
        (errno.ENOSPC, {}, "unshare: No space left on device"),
        (errno.EINVAL, {}, "unshare: Invalid argument"),
    ],
)
def test_the_reason_names_the_setting_that_refuses(number: int, settings: dict[str, str], cause: str) -> None:
    error = OSError(number, f"unshare: {os.strerror(number)}")

    assert explain_refusal(error, settings) == f"user namespaces are refused here ({cause})"
