import ast
import csv
import json
from pathlib import Path

import pytest

from cloud.engine.batch_prediction.instances import Batch, failed
from cloud.engine.batch_prediction.writers import Output
from cloud.resources import Json
from cloud.resources.batch_prediction import OutputFormat

RESULTS, ERRORS = "prediction.results-00000-of-00001", "prediction.errors_stats-00000-of-00001"


def write(
    folder: Path,
    *batches: tuple[Batch, list[Json] | str],
    form: OutputFormat = OutputFormat.JSON_LINES,
    has_instances: bool = False,
) -> dict[str, str]:
    """The files by name."""
    output = Output(folder, form, has_instances=has_instances)
    output.open()
    for batch, answer in batches:
        if isinstance(answer, str):
            output.failed(batch, answer)
        else:
            output.succeeded(batch, answer)
    return {path.name: path.read_text() for path in output.finish()}


def rows(*given: Json) -> Batch:
    return Batch(len(given), [b"0"] * len(given), list(given) or None)


def test_lines_have_pythons_separators_and_escapes(tmp_path):
    predictions = [{"preds": [0.1, 1e16], "key": "ü"}, {"preds": [], "key": "k2"}]
    files = write(tmp_path, (Batch(2, [b"1", b"2"]), predictions))
    assert files[RESULTS] == "".join(json.dumps(row) + "\n" for row in predictions)
    assert '"preds": [0.1, 1e+16], "key": "\\u00fc"' in files[RESULTS]
    assert files[ERRORS] == ""


def test_errors_are_pythons_tuples_with_the_number_of_batches(tmp_path):
    message = 'it\'s "bad"\nüber'
    files = write(tmp_path, (failed(64, ""), message), (failed(64, ""), "other"), (failed(7, ""), message))
    assert list(map(ast.literal_eval, files[ERRORS].splitlines())) == [(message, 2), ("other", 1)]
    assert files[RESULTS] == ""


def test_rows_are_counted(tmp_path):
    output = Output(tmp_path, OutputFormat.JSON_LINES, has_instances=False)
    output.open()
    output.succeeded(Batch(2, [b"1", b"2"]), [1, 2])
    output.failed(failed(64, ""), "bad")
    output.close()
    assert (output.rows_succeeded, output.rows_failed, output.most_frequent_error) == (2, 64, "bad")


def test_vertex_lines_have_the_instance_or_its_key(tmp_path):
    batch = rows({"instance": [1, 2]}, {"key": "k"}, {"instance": {"a": 1}, "left": 2})
    files = write(tmp_path, (batch, [[0.5], {"y": 1}, 3]), has_instances=True)
    assert files[RESULTS].splitlines() == [
        '{"instance": [1, 2], "prediction": [0.5]}',
        '{"key": "k", "prediction": {"y": 1}}',
        '{"instance": {"a": 1}, "left": 2, "prediction": 3}',
    ]


def test_csv_of_ml_engine_has_its_header_in_a_file_of_its_own(tmp_path):
    predictions = [{"key": "a,b", "scores": [1, 2]}, {"key": "c", "scores": []}]
    files = write(tmp_path, (Batch(2, [b"1", b"2"]), predictions), form=OutputFormat.CSV)
    assert files["prediction.results_header.csv"] == "key,scores\n"
    assert list(csv.reader(files[RESULTS + ".csv"].splitlines())) == [["a,b", "[1, 2]"], ["c", "[]"]]


def test_without_a_valid_row_the_header_is_empty(tmp_path):
    files = write(tmp_path, (failed(1, ""), "bad"), form=OutputFormat.CSV)
    assert (files["prediction.results_header.csv"].strip(), files[RESULTS + ".csv"]) == ("", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"instance": {"a": 1, "b": "x"}}, [["a", "b", "prediction"], ["1", "x", "[0.5]"]]),
        ({"instance": [1.0, 2.0]}, [["instance", "prediction"], ["[1.0, 2.0]", "[0.5]"]]),
        ({"key": 7}, [["key", "prediction"], ["7", "[0.5]"]]),
    ],
)
def test_csv_of_vertex_has_its_header_in_the_first_line(tmp_path, given, expected):
    files = write(tmp_path, (rows(given), [[0.5]]), form=OutputFormat.CSV, has_instances=True)
    assert list(csv.reader(files[RESULTS + ".csv"].splitlines())) == expected
    assert set(files) == {RESULTS + ".csv", ERRORS}


@pytest.mark.parametrize("has_instances", [True, False])
def test_csv_has_what_has_no_utf_8_as_json_has_it(tmp_path, has_instances):
    given = {"instance": {"\ud800": "\udc00"}} if has_instances else None
    batch = rows(given) if given else Batch(1, [b"1"])
    files = write(tmp_path, (batch, [{"\ud801": "\ud802"}]), form=OutputFormat.CSV, has_instances=has_instances)
    text = "".join(files.values())
    assert all(escaped in text for escaped in ("\\ud801", "\\ud802", *(["\\ud800", "\\udc00"] if given else [])))


def test_what_is_kept_of_errors_is_bounded(tmp_path):
    bad = [(failed(1, ""), f"{number} {'x' * 5000}") for number in range(1500)]
    pairs = list(map(ast.literal_eval, write(tmp_path, *bad)[ERRORS].splitlines()))
    assert len(pairs) == 1001
    assert pairs[-1] == ("Other errors than the 1000 above.", 500)
    assert {len(message) for message, _ in pairs[:-1]} == {2001}


def test_rows_of_csv_keep_their_columns_in_csv_only(tmp_path):
    batch = Batch(1, [b"[1.0]"], [{"instance": [1.0, "x"]}], ("a", "b"))
    files = write(tmp_path, (batch, [0.5]), form=OutputFormat.CSV, has_instances=True)
    assert files[RESULTS + ".csv"].splitlines() == ["a,b,prediction", "1.0,x,0.5"]
    files = write(tmp_path, (batch, [0.5]), has_instances=True)
    assert files[RESULTS] == '{"instance": [1.0, "x"], "prediction": 0.5}\n'
    keyed = Batch(1, [b"[1.0]"], [{"key": "k"}], ("id", "a"))
    files = write(tmp_path, (keyed, [0.5]), form=OutputFormat.CSV, has_instances=True)
    assert files[RESULTS + ".csv"].splitlines() == ["key,prediction", "k,0.5"]
