"""A learner who skips, forgets and mistypes: each time a line says what to do, in his language, and nothing is raised.

(integration/test_lab_checks.py has what each check finds in a cloud.)
"""

from collections.abc import Iterator

import nbformat
import pytest

from cloud.lab import notebooks
from lab.execution import Learner, learner, printed

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    with learner(tmp_path_factory.mktemp("lab"), "es") as someone:
        del someone.environ["CI"]
        yield someone


def test_who_fills_nothing_in_reads_what_is_missing(someone: Learner) -> None:
    checks = []
    for name in notebooks.names("es"):
        notebook = nbformat.read(someone.folder / name, as_version=4)
        someone.run(notebook, allow_errors=True)
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.source.startswith("check("):
                checks.append(cell.source)
                assert [output.output_type for output in cell.outputs] == ["stream"], (name, cell)
    assert len(checks) >= 20
    assert someone.cloud.refusals == []


PREPARED = """
from pathlib import Path
from cloud.lab import check, copy_trainer

def choose(project="local-project", bucket="nobodys-ml"):
    Path("names.env").write_text(f"PROJECT={project}\\nBUCKET={bucket}\\nREGION=us-central1\\n")

def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
"""
HEADER = "fare_amount,pickuplon,pickuplat,dropofflon,dropofflat,passengers,key\\n"
MISTAKES = [
    ("choose(project='local-projectt')", "project", "esta nube sirve local-project, no local-projectt"),
    ("choose(bucket='My-Bucket')", "bucket", "usa solo minúsculas"),
    ("choose()", "bucket", "gsutil mb -l us-central1 gs://nobodys-ml"),
    ("choose()", "grant", "gsutil mb -l us-central1 gs://nobodys-ml"),
    ("copy_trainer()", "package", "__init__.py"),
    (f"write('data/taxi-train.csv', '{HEADER}'); write('data/taxi-valid.csv', '{HEADER}')", "data", "cabecera"),
    ("pass", "deploy", "gcloud ai-platform models create"),
    ("pass", "grants", "No existe la comprobación 'grants'"),
]


def test_each_mistake_gets_its_own_words(someone: Learner) -> None:
    said = someone.cells(PREPARED, *(f"{code}\ncheck({name!r})" for code, name, _ in MISTAKES))[1:]
    wrong = {code: text for (code, _, words), text in zip(MISTAKES, said, strict=True) if words not in text}
    assert wrong == {}


def test_an_interrupted_cell_and_a_new_kernel_leave_the_cloud_as_it_was(someone: Learner) -> None:
    made = someone.cells("!gsutil mb -l us-central1 gs://kept-ml")
    assert "kept-ml" in made[0]
    interrupted = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("import os, signal, threading, time"),
            nbformat.v4.new_code_cell(
                "threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()\n!gsutil ls; sleep 60"
            ),
            nbformat.v4.new_code_cell("print('goes on')"),
        ]
    )
    someone.run(interrupted, allow_errors=True)
    assert printed(interrupted.cells[-1]) == "goes on\n"
    assert "gs://kept-ml" in someone.cells("!gsutil ls")[0]
