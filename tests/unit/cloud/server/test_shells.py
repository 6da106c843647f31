import json
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.server import shells

ODD = {"PLAIN": "value", "ODD": 'it\'s $HOME "quoted" `x` \\ and\na line', "EMPTY": ""}


def test_a_posix_shell_reads_back_what_was_meant() -> None:
    script = shells.posix(ODD, ["GONE"]) + 'printf "%s|%s|%s|%s" "$PLAIN" "$ODD" "$EMPTY" "${GONE-unset}"'
    told = subprocess.run(["sh", "-c", script], env={"GONE": "x"}, capture_output=True, text=True, check=True)
    assert told.stdout == f"value|{ODD['ODD']}||unset"


def test_fish_is_given_its_own_words_and_quotes() -> None:
    assert shells.fish({"A": "it's \\ $x"}, ["B"]) == "set -e B\nset -gx A 'it\\'s \\\\ $x'\n"


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), st.text()))
@settings(max_examples=30)
def test_json_reads_back_and_tells_what_to_unset(variables: dict[str, str]) -> None:
    assert json.loads(shells.as_json(variables, ["gone"])) == {**variables, "gone": None}
