"""Writes a job's results and errors to local files, under the names that they get in Cloud Storage.

Names and forms: kubeflow/batch-predict (``batch_prediction_pipeline``), which writes by Apache Beam.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Protocol

from cloud.engine.batch_prediction.instances import Batch
from cloud.resources import Json
from cloud.resources.batch_prediction import OutputFormat

_SHARD = "-00000-of-00001"
_RESULTS, _ERRORS = "prediction.results", "prediction.errors_stats"
_BLOCK = 256 * 1024
_ESCAPED = "backslashreplace"
"""How a text that has no UTF-8 (JSON may have half a surrogate pair) is written: as in JSON."""
_LONGEST_ERROR, _MOST_ERRORS = 2000, 1000
"""Characters of a message, and different messages, that are kept: TensorFlow Serving's quote the whole request."""
_encode = json.JSONEncoder().encode
"""``json.dumps`` in half of the time."""


class Lines(Protocol):
    """The form of the results."""

    def line(self, given: Mapping[str, Json] | None, prediction: Json) -> str:
        """A row, with its end."""


class Output:
    """Between ``open`` and ``close``. It counts rows, too.

    Args:
        folder: for the files.
        has_instances: whether a line has the instance, or its key, beside the prediction, as on Vertex AI.
    """

    def __init__(self, folder: Path, form: OutputFormat, *, has_instances: bool) -> None:
        self._folder = folder
        self._csv = CsvLines() if form is OutputFormat.CSV else None
        self._has_header_file = not has_instances
        self._lines: Lines = self._csv or (_InstanceLines() if has_instances else _PredictionLines())
        self._buffer: list[str] = []
        self._size = 0
        self._errors: Counter[str] = Counter()
        self.rows_succeeded = self.rows_failed = 0

    def open(self) -> None:
        suffix = ".csv" if self._csv else ""
        self._results = self._folder / f"{_RESULTS}{_SHARD}{suffix}"
        self._file = self._results.open("w", encoding="utf-8", errors=_ESCAPED, newline="")

    def close(self) -> None:
        self._file.close()

    def succeeded(self, batch: Batch, predictions: list[Json]) -> None:
        line = self._lines.line
        if batch.given is None:
            lines = [line(None, prediction) for prediction in predictions]
        else:
            shown = map(_named, repeat(batch.columns), batch.given) if self._csv and batch.columns else batch.given
            lines = [line(given, prediction) for given, prediction in zip(shown, predictions, strict=True)]
        self._buffer += lines
        self.rows_succeeded += len(lines)
        self._size += sum(map(len, lines))
        if self._size >= _BLOCK:
            self._flush()

    def failed(self, batch: Batch, message: str) -> None:
        message = message if len(message) <= _LONGEST_ERROR else f"{message[:_LONGEST_ERROR]}…"
        if message not in self._errors and len(self._errors) >= _MOST_ERRORS:
            message = f"Other errors than the {_MOST_ERRORS} above."
        self._errors[message] += 1
        self.rows_failed += batch.count

    @property
    def most_frequent_error(self) -> str:
        return next((message for message, _ in self._errors.most_common(1)), "")

    def finish(self) -> list[Path]:
        """The files, the results last."""
        self._flush()
        self.close()
        return self._write_others()

    def _write_others(self) -> list[Path]:
        errors = self._folder / f"{_ERRORS}{_SHARD}"
        errors.write_text("".join(f"{pair!r}\n" for pair in self._errors.items()))
        if self._csv is None or not self._has_header_file:
            return [errors, self._results]
        header = self._folder / f"{_RESULTS}_header.csv"
        header.write_text(self._csv.header, encoding="utf-8", errors=_ESCAPED, newline="")
        return [errors, header, self._results]

    def _flush(self) -> None:
        text, self._buffer, self._size = "".join(self._buffer), [], 0
        self._file.write(text)


class _PredictionLines:
    def line(self, _: Mapping[str, Json] | None, prediction: Json) -> str:
        return _encode(prediction) + "\n"


class _InstanceLines:
    def line(self, given: Mapping[str, Json] | None, prediction: Json) -> str:
        return _encode({**(given or {}), "prediction": prediction}) + "\n"


class CsvLines:
    """The columns are the keys of the first row."""

    def __init__(self) -> None:
        self._columns: list[str] = []

    @property
    def header(self) -> str:
        return _csv_line(self._columns)

    def line(self, given: Mapping[str, Json] | None, prediction: Json) -> str:
        row = _columns(given, prediction)
        before = ""
        if not self._columns:
            self._columns = list(row)
            before = "" if given is None else self.header
        return before + _csv_line([_cell(row.get(name, "")) for name in self._columns])


def _named(columns: Sequence[str], given: Mapping[str, Json]) -> Mapping[str, Json]:
    """A row of CSV with its values under their names."""
    return {"instance": dict(zip(columns, given["instance"], strict=True))} if "instance" in given else given


def _columns(given: Mapping[str, Json] | None, prediction: Json) -> dict[str, Json]:
    row: dict[str, Json] = {}
    for name, value in (given or {}).items():
        row |= value if name == "instance" and isinstance(value, dict) else {name: value}
    if given is None and isinstance(prediction, dict):
        return row | prediction
    return {**row, "prediction": prediction}


def _cell(value: Json) -> Json:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _csv_line(cells: list[Json]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
