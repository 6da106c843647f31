"""The examples in README.md under "Google's clients", run one after the other inside one local cloud."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.background import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("### Google's clients\n")[2].partition("\n### ")[0]
EXAMPLES = re.findall(r"^```(sh|python)\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
SAYS = {
    "curl": '"name":"a.txt"',
    "import storage": "some text",
    "import aiplatform": "endpoints: []",
    "discovery": "service-",
    "gcsfs": "b'some text'",
    "tensorflow": "some text",
    "gcloud": "some text",
}


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        yield inherited_environ() | cloud.environ | {"HOME": str(cloud.state_dir)}


def test_there_is_an_example_of_each() -> None:
    assert len(EXAMPLES) == len(SAYS)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs_as_it_is(environ: dict[str, str], tmp_path: Path, number: int) -> None:
    language, source = EXAMPLES[number]
    ((client, says),) = [(name, says) for name, says in SAYS.items() if name in source.replace("# and", "")]
    if client == "gcloud" and shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    command = ["sh", "-ec", source] if language == "sh" else [sys.executable, "-c", source]
    told = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert told.returncode == 0, told.stderr
    assert says in told.stdout.replace('": "', '":"')
