"""The command that repeats a recorded request."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from cloud.console.requests import curl
from cloud.emulator.recorder import RecordedCall

_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


@given(_TEXT, _TEXT)
def test_a_shell_reads_the_address_and_the_body_as_they_were(name: str, body: str) -> None:
    call = RecordedCall(1, 0.0, "POST", "ml.googleapis.com", f"/v1/{name}", "", "", sent=body.encode())
    words = shlex.split(curl(call))
    assert words[-1] == f"https://ml.googleapis.com/v1/{name}"
    assert words[1:3] == ["-X", "POST"]
    if body:
        assert words[words.index("-d") + 1] == body


def test_the_owners_token_comes_from_the_running_cloud() -> None:
    text = curl(RecordedCall(1, 0.0, "GET", "127.0.0.1", "/storage/v1/b?project=p", "", ""))
    assert text == (
        'curl -H "Authorization: Bearer $(python -m cloud.serve token)" '
        "\"$STORAGE_EMULATOR_HOST\"'/storage/v1/b?project=p'"
    )
