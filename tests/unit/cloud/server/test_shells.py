import json
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.server import shells

ODD = {"PLAIN": "value", "ODD": 'it\'s $HOME "quoted" `x` \\ and\na line', "EMPTY": ""}


def test_a_posix_shell_reads_back_the_values() -> None:
    script = shells.posix(ODD, ["GONE"]) + 'printf "%s|%s|%s|%s" "$PLAIN" "$ODD" "$EMPTY" "${GONE-unset}"'
    result = subprocess.run(["sh", "-c", script], env={"GONE": "x"}, capture_output=True, text=True, check=True)
    assert result.stdout == f"value|{ODD['ODD']}||unset"


def test_fish_gets_its_own_syntax() -> None:
    assert shells.fish({"A": "it's \\ $x"}, ["B"]) == "set -e B\nset -gx A 'it\\'s \\\\ $x'\n"


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), st.text()))
@settings(max_examples=30)
def test_json_reads_back_with_null_for_variables_to_unset(variables: dict[str, str]) -> None:
    assert json.loads(shells.as_json(variables, ["gone"])) == {**variables, "gone": None}
