import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.workflow.instances import read_instances, read_instances_file


@given(
    st.lists(
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8),
        min_size=1,
        max_size=8,
    )
)
def test_instances_are_read_as_written(instances: list[object]) -> None:
    assert read_instances([json.dumps(instance) + "\n" for instance in instances]) == instances


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], r"^No valid instance was found in input file\.$"),
        (["1\n", "\n", "2\n"], r"^Empty line is not allowed in the instances file\. \(Line 2\.\)$"),
        (["1\n", "{x: 1}\n"], r"^Input instances are not in JSON format\. \(Line 2: "),
    ],
)
def test_files_that_hold_no_instances(lines: list[str], reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        read_instances(lines)


def test_a_file_may_have_a_byte_order_mark_and_any_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_bytes(b'\xef\xbb\xbf{"text": "a\xe2\x80\xa8b"}\r\n[1, 2]')
    assert read_instances_file(file) == [{"text": "a\u2028b"}, [1, 2]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff\xfe", "is not UTF-8"), (b"1\n\n", "Empty line"), (b"", "No valid instance")],
)
def test_the_error_names_the_file(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidArgument, match=reason) as caught:
        read_instances_file(file)
    assert caught.value.field == "--json-instances"
    assert "mine.json" in caught.value.message
