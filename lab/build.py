"""Makes the chapters' notebooks: ``python lab/build.py``, after each change of a source.

A source is in jupytext's percent format. Cells of text are there once in each language (``lang="en"``, ``lang="es"``),
cells of code once. A cell with the tag ``solution`` is what the learner writes: in his form of the notebook it keeps
its cell magic, ``set -e`` and the hints, which are lines that begin with ``# →``. The other form, in ``solutions``, has
everything. Pictures are copied beside the notebooks: JupyterLab shows no attached SVG.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

HERE = Path(__file__).parent
LANGUAGES = ("en", "es")
_PICTURE = re.compile(r"\(pictures/([\w.-]+)\)")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_MADE = (".ipynb", ".svg")
_KEPT = ("tags",)
"""Of a cell's metadata, in notebooks."""


def notebooks(sources: Path = HERE) -> Iterator[tuple[Path, str]]:
    """The path of each notebook and picture, relative to the folder of the sources, and its text.

    Raises:
        ValueError: a cell of text has no known language, or a picture is missing.
    """
    for source in sorted(sources.glob("[0-9][0-9]_*.py")):
        cells = jupytext.read(source, fmt="py:percent").cells
        for language in LANGUAGES:
            for folder, is_solution in ((Path(language), False), (Path(language, "solutions"), True)):
                made = _notebook(source, cells, language, is_solution=is_solution)
                yield folder / f"{source.stem}.ipynb", made
            for name in sorted(_pictures(cells, language)):
                yield Path(language, "pictures", name), _picture(source, name)


def _notebook(source: Path, cells: list[Any], language: str, *, is_solution: bool) -> str:
    made = []
    for cell in cells:
        spoken = cell.metadata.get("lang")
        if cell.cell_type == "markdown":
            if spoken not in LANGUAGES:
                raise ValueError(f"{source}: a cell of text needs lang=, one of {LANGUAGES}: {cell.source[:60]!r}")
            if spoken != language:
                continue
        text = cell.source
        if not is_solution and "solution" in cell.metadata.get("tags", []):
            text = learners_form(text)
        if is_solution and cell.cell_type == "markdown":
            text = _PICTURE.sub(r"(../pictures/\1)", text)
        made.append(_cell(cell, text, position=len(made)))
    notebook = {"cells": made, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(cell: Any, text: str, *, position: int) -> dict[str, Any]:
    # jupytext's ids are random: each build would change every notebook.
    identity = hashlib.sha256(f"{position}\0{cell.cell_type}\0{text}".encode()).hexdigest()[:16]
    metadata = {name: cell.metadata[name] for name in _KEPT if name in cell.metadata}
    made: dict[str, Any] = {"cell_type": cell.cell_type, "id": identity, "metadata": metadata}
    if cell.cell_type == "code":
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": text.splitlines(keepends=True)}


def _pictures(cells: list[Any], language: str) -> set[str]:
    """The names of those that the text of this language shows."""
    shown = [cell.source for cell in cells if cell.metadata.get("lang") == language]
    return {name for text in shown for name in _PICTURE.findall(text)}


def _picture(source: Path, name: str) -> str:
    picture = source.parent / "pictures" / name
    if not picture.is_file():
        raise ValueError(f"{source}: there is no picture {picture}")
    return picture.read_text(encoding="utf-8")


def learners_form(text: str) -> str:
    """A solution without what the learner writes."""
    return "\n".join(line for line in text.splitlines() if line.startswith(("%%", "set -e", "# →")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a notebook is stale")
    is_check = parser.parse_args().check
    made = dict(notebooks())
    old = {
        path.relative_to(HERE)
        for language in LANGUAGES
        for path in (HERE / language).rglob("*")
        if path.suffix in _MADE
    }
    stale = [path for path, text in made.items() if not _has(HERE / path, text)] + sorted(old - made.keys())
    for path in stale:
        print(("differs: " if is_check else "written: ") + str(path))
        if is_check:
            continue
        if path in made:
            (HERE / path).parent.mkdir(parents=True, exist_ok=True)
            (HERE / path).write_text(made[path], encoding="utf-8")
        else:
            (HERE / path).unlink()
    return int(is_check and bool(stale))


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    sys.exit(main())
