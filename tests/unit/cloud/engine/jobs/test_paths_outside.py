from pathlib import Path

import pytest

from cloud.engine.jobs.paths_outside import explain_path_outside

OWN = (Path("/state/work/1"), Path("/state/temporary"))
PRESENT = {"/data", "/data/train.csv", "/home/a b/c d.csv", "/state/work/1/gone", "/srv", "/tmp"}  # noqa: S108 - only compared


def explain(output: str) -> str | None:
    return explain_path_outside(output, OWN, PRESENT.__contains__)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("PermissionError: [Errno 13] Permission denied: '/data/train.csv'", "/data/train.csv"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/data/train.csv'", "/data/train.csv"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/home/a b/c d.csv'",
            "/home/a b/c d.csv",
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/srv/new.txt'", "/srv/new.txt"),
        ("OSError: [Errno 30] Read-only file system: '/data/out'", "/data/out"),
        ("tensorflow.python.framework.errors_impl.NotFoundError: /data/train.csv; No such file or directory", None),
        ("tensorflow.python.framework.errors_impl.PermissionDeniedError: /data/train.csv; Permission denied", None),
        ("cat: /data/train.csv: Permission denied", None),
        ("ls: cannot access '/data': No such file or directory", "/data"),
        ("ls: cannot open directory '/data': Permission denied", "/data"),
    ],
)
def test_a_file_of_this_machine_gets_the_hint(line: str, path: str | None) -> None:
    hint = explain(f"The replica master 0 exited with a non-zero status of 1. \nTraceback\n{line}\n")
    assert hint is not None
    assert hint.startswith(f"{path or '/data/train.csv'} is a file of this machine")
    assert "--job-reads" in hint


@pytest.mark.parametrize(
    "line",
    [
        "PermissionError: [Errno 13] Permission denied: '/tmp/model.joblib'",
        "cp: cannot create regular file '/var/tmp/new/x': Permission denied",
    ],
)
def test_the_machines_temporary_folders_get_a_hint_of_their_own(line: str) -> None:
    hint = explain(line)
    assert hint is not None
    assert "$TMPDIR" in hint
    assert "--job-reads" not in hint


@pytest.mark.parametrize(
    "line",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/model.joblib'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/state/work/1/gone'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/top'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'",
        "NotFoundError: gs://bucket/data; No such file or directory",
        "ValueError: /data/train.csv has no header",
        "",
    ],
)
def test_other_failures_get_none(line: str) -> None:
    assert explain(line) is None
