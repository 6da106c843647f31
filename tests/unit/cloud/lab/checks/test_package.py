"""The checks of the package and the data: each mistake has its own words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.lab.checks import CHECKS, Lab
from cloud.lab.checks.outcome import Outcome
from cloud.lab.checks.package import bad_row, misplaced_import
from cloud.lab.trainer_copy import copy_trainer

ROW = "12.0,-73.987625,40.750617,-73.971163,40.78518,1,0\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab({}, tmp_path)


def look(lab: Lab, name: str) -> Outcome:
    return CHECKS[name](lab)


def write_package(lab: Lab, **modules: str) -> None:
    folder = lab.folder / "taxifare" / "trainer"
    folder.mkdir(parents=True)
    for name, text in ({"__init__": "", "task": "from trainer import model", "model": ""} | modules).items():
        (folder / f"{name}.py").write_text(text)


def test_the_sample_trainer_with_an_init_is_a_package(lab: Lab) -> None:
    folder = lab.folder / "taxifare" / "trainer"
    copy_trainer(folder)
    missing = look(lab, "package")
    assert not missing.is_done
    assert "no __init__.py" in missing.english
    assert "falta __init__.py" in missing.spanish
    (folder / "__init__.py").touch()
    assert look(lab, "package").is_done


def test_a_package_that_was_not_copied(lab: Lab) -> None:
    assert "copy_trainer()" in look(lab, "package").english


@pytest.mark.parametrize(
    "line", ["import model", "from model import x", "import os, model as m", "if 1:\n    import model"]
)
def test_a_sibling_that_is_imported_by_its_bare_name(lab: Lab, line: str) -> None:
    write_package(lab, task=f"import os\n{line}\n")
    outcome = look(lab, "package")
    assert not outcome.is_done
    assert "from trainer import model" in outcome.english
    assert "task.py:" in outcome.spanish


@pytest.mark.parametrize(
    "line", ["from trainer import model", "from . import model", "import trainer.model", "import models"]
)
def test_imports_that_are_right(lab: Lab, line: str) -> None:
    write_package(lab, task=line)
    assert look(lab, "package").is_done


def test_a_module_named_as_one_of_pythons_own_is_no_mistake(lab: Lab) -> None:
    write_package(lab, task="import json", json="")
    assert look(lab, "package").is_done


@pytest.mark.parametrize("text", ["def f(:\n", "x = '\0'\n", "(" * 500])
def test_a_module_that_is_no_python_is_named_with_its_line(lab: Lab, text: str) -> None:
    write_package(lab, model=text)
    outcome = look(lab, "package")
    assert not outcome.is_done
    assert "model.py" in outcome.english


@given(st.binary(max_size=200) | st.text(alphabet="import model,as()\n \t#'\"\\x", max_size=80).map(str.encode))
def test_any_source_is_read_or_no_python(source: bytes) -> None:
    try:
        found = misplaced_import(source, {"model"})
    except SyntaxError:
        return
    assert found is None or found[0] == "model"


def write_data(lab: Lab, train: str = ROW * 3, valid: str = ROW) -> None:
    (lab.folder / "data").mkdir()
    (lab.folder / "data" / "taxi-train.csv").write_text(train)
    (lab.folder / "data" / "taxi-valid.csv").write_text(valid)


def test_data_that_parse(lab: Lab) -> None:
    write_data(lab, ROW + "12.0,,,,,,\n\n")
    outcome = look(lab, "data")
    assert outcome.is_done
    assert "taxi-train.csv 2, taxi-valid.csv 1" in outcome.english


def test_data_that_are_not_there(lab: Lab) -> None:
    assert "trainer.sample_data" in look(lab, "data").english


def test_a_header_line(lab: Lab) -> None:
    write_data(lab, valid="fare_amount,pickuplon,pickuplat,dropofflon,dropofflat,passengers,key\n" + ROW)
    outcome = look(lab, "data")
    assert "header" in outcome.english
    assert "cabecera" in outcome.spanish
    assert "sed -i 1d data/taxi-valid.csv" in outcome.spanish


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (ROW + "1,2,3\n", "line 2 of data/taxi-train.csv has 3 columns, not 7"),
        (ROW + ROW.replace("40.78518", "north"), "line 2 of data/taxi-train.csv has 'north', which is no number"),
        ("", "has no rows"),
        ("\n\n", "has no rows"),
        ('"' + "x" * 200_000 + "\n", "1 columns"),
    ],
)
def test_rows_that_do_not_parse(lab: Lab, train: str, told: str) -> None:
    write_data(lab, train)
    outcome = look(lab, "data")
    assert not outcome.is_done
    assert told in outcome.english


@given(st.lists(st.text(), max_size=9))
def test_any_row_is_good_or_has_words_in_both_languages(row: list[str]) -> None:
    assert bad_row(row) is None or all(bad_row(row) or ())


@given(st.binary(max_size=300))
def test_any_file_gets_an_outcome(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        lab = Lab({}, Path(folder))
        write_data(lab)
        (lab.folder / "data" / "taxi-train.csv").write_bytes(content)
        assert look(lab, "data").english
