"""What a learner wrote into names.env, as a shell reads it."""

import os
import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.lab.names import FILE, Names, open_chapter, read_names

_VALUES = st.text(string.ascii_lowercase + string.digits + "-.", min_size=1, max_size=20)


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    assert read_names(tmp_path) == Names()


def test_what_is_no_text_says_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"PROJECT=\xff\xfe")
    assert read_names(tmp_path) == Names()


@pytest.mark.parametrize(
    "text",
    [
        "PROJECT=p\nBUCKET=b\nREGION=r\n",
        "export PROJECT=p\nexport BUCKET='b'\nREGION=\"r\"\n",
        "# mine\nREGION=r # near\nPROJECT=p\nOTHER=x\nBUCKET=gs://b/\n",
        "PROJECT=wrong\nPROJECT=p\r\nBUCKET=b\nREGION=r",
    ],
)
def test_ways_to_write_it(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_names(tmp_path) == Names("p", "b", "r")


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_VALUES, _VALUES, st.sampled_from(["{}", "'{}'", '"{}"']), st.sampled_from(["", "export "]))
def test_a_shell_reads_the_same(tmp_path: Path, project: str, region: str, quoted: str, export: str) -> None:
    file = tmp_path / FILE
    file.write_text(f"{export}PROJECT={quoted.format(project)}\n{export}REGION={quoted.format(region)}  # mine\n")
    shell = subprocess.run(
        ["bash", "-c", f'. {file}; echo "$PROJECT $REGION"'], capture_output=True, text=True, check=True
    ).stdout.split()
    names = read_names(tmp_path)
    assert [names.project, names.region] == shell


def test_a_chapter_gives_the_names_to_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text("PROJECT=p\nBUCKET=b\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUD_LAB_FOLDER", str(tmp_path))
    for name in ("PROJECT", "BUCKET", "REGION"):
        monkeypatch.setenv(name, "before")
    assert open_chapter() == Names("p", "b", "")
    assert [os.environ[name] for name in ("PROJECT", "BUCKET", "REGION")] == ["p", "b", "before"]
