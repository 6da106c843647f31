"""The learner's package, and his data."""

import ast
import csv
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.workflow.taxifare import EVAL_FILES, TRAIN_FILES

FOLDER = Path("taxifare", "trainer")
DATA = Path("data")
_COLUMNS = 7
_MAKE = f"cd taxifare && python -m trainer.sample_data --rows 10000 ../{DATA}"
_MOST_ROWS = 100_000
_INIT = "__init__.py"


def package(lab: Lab) -> Outcome:
    folder = lab.folder / FOLDER
    modules = sorted(folder.glob("*.py")) if folder.is_dir() else []
    names = [path.name for path in modules]
    missing = [name for name in ("task.py", "model.py") if name not in names]
    if missing:
        listed = " or ".join(missing)
        return not_yet(
            f"{FOLDER} has no {listed}. Run the cell with copy_trainer(), then look again.",
            f"{FOLDER} no tiene {' ni '.join(missing)}. Ejecuta la celda de copy_trainer() y vuelve a comprobar.",
        )
    if _INIT not in names:
        return not_yet(
            f"{FOLDER} has no {_INIT}, so it is a folder of files and no package: gcloud refuses to pack it. "
            f"Write {FOLDER / _INIT}; it may be empty.",
            f"en {FOLDER} falta {_INIT}: sin él es una carpeta de archivos y no un paquete, y gcloud no la empaqueta. "
            f"Escribe {FOLDER / _INIT}; puede estar vacío.",
        )
    for path in modules:
        try:
            found = misplaced_import(path.read_bytes(), {each.stem for each in modules})
        except SyntaxError as error:
            line = f":{error.lineno}" if error.lineno else ""
            return not_yet(
                f"{FOLDER / path.name}{line} is no Python: {error.msg}. Mend that line.",
                f"{FOLDER / path.name}{line} no es Python válido ({error.msg}). Corrige esa línea.",
            )
        if found:
            name, line_number = found
            return not_yet(
                f"{FOLDER / path.name}:{line_number} imports {name} as if it were outside the package. It runs in that "
                f"folder and nowhere else, so a job would fail. Write: from trainer import {name}",
                f"{FOLDER / path.name}:{line_number} importa {name} como si estuviera fuera del paquete. Así solo "
                f"funciona dentro de esa carpeta, y un trabajo fallaría. Escribe: from trainer import {name}",
            )
    return done(f"{FOLDER} is a package of {len(modules)} modules", f"{FOLDER} es un paquete de {len(modules)} módulos")


def misplaced_import(source: bytes, siblings: Iterable[str]) -> tuple[str, int] | None:
    """The first import of a sibling by its bare name (``import model``), and its line.

    Raises:
        SyntaxError: the source is no Python.
    """
    try:
        tree = ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nesting that is too deep for the parser
        raise SyntaxError(str(error) or type(error).__name__) from None
    # A module that is called as one of Python's own is found in Python first or last: that is no mistake of this kind.
    wrong = set(siblings) - sys.stdlib_module_names - {"__init__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            named = [node.module or ""]
        else:
            continue
        for name in named:
            if name.partition(".")[0] in wrong:
                return name.partition(".")[0], node.lineno
    return None


def data_files(lab: Lab) -> list[Path]:
    """The learner's files, those to train on first."""
    return [path for pattern in (TRAIN_FILES, EVAL_FILES) for path in _files(lab, pattern)]


def _files(lab: Lab, pattern: str) -> list[Path]:
    return sorted(path for path in (lab.folder / DATA).glob(f"{pattern}.csv") if path.is_file())


def data(lab: Lab) -> Outcome:
    for pattern in (TRAIN_FILES, EVAL_FILES):
        if not _files(lab, pattern):
            return not_yet(
                f"there is no {DATA / pattern}.csv. Make the files: {_MAKE}",
                f"no hay ningún {DATA / pattern}.csv. Genera los archivos: {_MAKE}",
            )
    counts = []
    for path in data_files(lab):
        name, count = path.relative_to(lab.folder), 0
        for number, row in _rows(path):
            if problem := bad_row(row):
                return _bad_row(name, number, row, *problem)
            count += 1
        if not count:
            return not_yet(
                f"{name} has no rows. Make it again: {_MAKE} --overwrite",
                f"{name} no tiene ninguna fila. Vuelve a generarlo: {_MAKE} --overwrite",
            )
        counts.append((path.name, count))
    listed = ", ".join(f"{name} {count}" for name, count in counts)
    return done(f"rows of {_COLUMNS} columns: {listed}", f"filas de {_COLUMNS} columnas: {listed}")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with the numbers of their lines."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(line.replace("\0", "\N{REPLACEMENT CHARACTER}") for line in file)
        while True:
            try:
                for row in itertools.islice(reader, _MOST_ROWS):
                    if row:
                        yield reader.line_num, row
                return
            except csv.Error as error:  # a field that is too long
                yield reader.line_num, [str(error)]


def bad_row(row: list[str]) -> tuple[str, str] | None:
    """Why a row is not one of the lab's, in English and Spanish."""
    if len(row) != _COLUMNS:
        return f"{len(row)} columns, not {_COLUMNS}", f"{len(row)} columnas en lugar de {_COLUMNS}"
    for text in row[:-1]:  # the last is a key, which may be any text
        try:
            if text.strip():
                float(text)
        except ValueError:
            return f"{text[:40]!r}, which is no number", f"{text[:40]!r}, que no es un número"
    return None


def _bad_row(name: Path, number: int, row: list[str], english: str, spanish: str) -> Outcome:
    if number == 1 and len(row) == _COLUMNS:
        return not_yet(
            f"{name} begins with a header, which the trainer would take for a trip. Remove that line: sed -i 1d {name}",
            f"{name} empieza con una cabecera, que el entrenador tomaría por un viaje. Quita esa línea: sed -i 1d "
            f"{name}",
        )
    return not_yet(
        f"line {number} of {name} has {english}. Make the file again: {_MAKE} --overwrite",
        f"la línea {number} de {name} tiene {spanish}. Vuelve a generar el archivo: {_MAKE} --overwrite",
    )
