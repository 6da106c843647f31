"""Chapters, executed as a learner does: each in a kernel of its own, in his folder, led to his cloud."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from cloud.gateway.environ import CONFLICTING
from cloud.lab import jupyter_files, notebooks
from cloud.server.thread import BackgroundCloud
from cloud.settings import ServiceAgents, Settings

CELL_SECONDS = 300


@dataclass
class Learner:
    """A learner's folder and his cloud, as ``python -m cloud.lab`` makes them."""

    cloud: BackgroundCloud
    folder: Path
    language: str
    environ: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)
    """That each chapter took."""

    def open(self, name: str) -> NotebookClient:
        """Open the solution of a chapter: its kernel starts."""
        client = self._client(nbformat.read(self.folder / notebooks.SOLUTIONS / name, as_version=4))
        client.km = client.create_kernel_manager()
        client.start_new_kernel(env=self.environ)
        return client

    def execute(self, client: NotebookClient, name: str) -> None:
        """Run all cells of an opened chapter; each must end in time.

        Raises:
            CellExecutionError: a cell failed, or a check that was not done.
        """
        began = time.monotonic()
        client.execute()
        self.seconds[name] = time.monotonic() - began

    def run(self, notebook: nbformat.NotebookNode, *, allow_errors: bool = False) -> nbformat.NotebookNode:
        """Run all cells of a notebook; returns it with its outputs."""
        self._client(notebook, allow_errors=allow_errors).execute(env=self.environ)
        return notebook

    def _client(self, notebook: nbformat.NotebookNode, **options: bool) -> NotebookClient:
        resources = {"metadata": {"path": str(self.folder / notebooks.SOLUTIONS)}}
        return NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=resources, **options)

    def cells(self, *sources: str) -> list[str]:
        """What cells print, run one after the other in one new kernel."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        return [printed(cell) for cell in self.run(notebook).cells]


def printed(cell: nbformat.NotebookNode) -> str:
    """All text of a cell's outputs."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


@contextmanager
def learner(folder: Path, language: str, **settings: object) -> Iterator[Learner]:
    """In a fresh cloud, under CI: so checks raise."""
    root, jupyter = folder / language, folder / "jupyter"
    jupyter.mkdir()
    notebooks.copy_missing(language, root)
    with BackgroundCloud(Settings(service_agents=ServiceAgents.BARE, **settings)) as cloud:  # type: ignore[arg-type]
        inherited = {name: value for name, value in os.environ.items() if name not in CONFLICTING}
        programs = Path(sys.executable).parent
        environ = jupyter_files.environ(
            jupyter, inherited | cloud.environ, root=root, language=language, programs=programs
        )
        jupyter_files.write(jupyter, environ, first="", port=0, token="")
        yield Learner(cloud, root, language, environ | {"CI": "true"})


def has_gcloud() -> bool:
    return shutil.which("gcloud") is not None
