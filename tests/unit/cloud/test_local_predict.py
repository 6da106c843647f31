from pathlib import Path

from click.testing import CliRunner, Result

from cloud.local_predict import main, table


def test_the_table_of_the_lab() -> None:
    assert table([{"predictions": [10.743617057800293]}]) == ["PREDICTIONS", "[10.743617057800293]"]


def test_a_table_has_sorted_columns_of_even_width() -> None:
    rows = [
        {"classes": "cheap", "all": [0.25, 0.75]},
        {"classes": "ü", "all": [1.0, 0.0]},
        {"classes": {"b64": "AA=="}, "all": None},
    ]
    assert table(rows) == [
        "ALL           CLASSES",
        "[0.25, 0.75]  cheap",
        "[1.0, 0.0]    ü",
        'null          {"b64": "AA=="}',
    ]


def test_bare_values_have_no_heading() -> None:
    assert table([1.5, [2, "a"]]) == ["1.5", '[2, "a"]']
    assert table([]) == []


def predict(model_dir: Path, instances: Path | str, input_text: bytes | None = None) -> Result:
    arguments = ["--model-dir", str(model_dir), "--json-instances", str(instances)]
    return CliRunner().invoke(main, arguments, input=input_text)


def test_the_input_is_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    result = predict(tmp_path, "-", b"\xef\xbb\xbf{}\n\n")
    assert result.exit_code == 1
    assert result.stderr == "ERROR: (cloud.local_predict) Empty line is not allowed in the instances file. (Line 2.)\n"


def test_an_export_parent_is_no_model(tmp_path: Path) -> None:
    for stamp in ("1535549236", "1535548900"):
        (tmp_path / stamp).mkdir()
        (tmp_path / stamp / "saved_model.pb").touch()
    result = predict(tmp_path, "-", b"1\n")
    assert result.exit_code == 1
    assert "holds no saved_model.pb" in result.stderr
    assert f"Did you mean {tmp_path / '1535549236'}?" in result.stderr


def test_instances_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_bytes('"Zürich"\n'.encode("latin-1"))
    result = predict(tmp_path, file)
    assert result.exit_code == 1
    assert "is not UTF-8" in result.stderr


def test_a_missing_file_or_folder(tmp_path: Path) -> None:
    assert predict(tmp_path / "nothing", "-", b"1\n").exit_code == 2
    assert predict(tmp_path, tmp_path / "nothing").exit_code == 2
