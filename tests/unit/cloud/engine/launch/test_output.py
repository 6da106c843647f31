import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.launch.output import LineSplitter, OutputLine, OutputPipe


def split(pieces: list[bytes], limit: int) -> list[str]:
    splitter = LineSplitter(limit)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)), st.data())
def test_lines_within_the_limit_are_delivered_as_written(lines: list[str], data: st.DataObject) -> None:
    written = "".join(line + "\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)))))
    pieces = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]

    assert split(pieces, limit=200) == lines


@given(st.lists(st.binary(max_size=40)), st.integers(1, 10))
def test_neither_pieces_nor_the_buffer_are_longer_than_the_limit(pieces: list[bytes], limit: int) -> None:
    splitter = LineSplitter(limit)
    for piece in pieces:
        for line in splitter.feed(piece):
            assert len(line.encode("utf-8", errors="replace")) <= 3 * limit  # U+FFFD takes three bytes
        assert len(splitter._rest) <= limit


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=200), st.integers(4, 20))
def test_a_long_line_is_cut_between_characters(text: str, limit: int) -> None:
    lines = split([text.encode()], limit)

    assert "".join(lines) == text
    assert all(0 < len(line.encode()) <= limit for line in lines)


def test_line_of_exactly_the_limit_is_one_line() -> None:
    assert split([b"abcd", b"\n", b"efgh\nx"], limit=4) == ["abcd", "efgh", "x"]


def test_empty_lines_and_carriage_returns_are_kept() -> None:
    assert split([b"\n\na\r\nb\rc"], limit=9) == ["", "", "a\r", "b\rc"]


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert split([b"\xff\xc3\n"], limit=9) == ["\ufffd\ufffd"]


async def test_a_pipe_delivers_until_its_end() -> None:
    reader, writer = os.pipe()
    lines: list[OutputLine] = []
    ended = asyncio.Event()

    def on_output(line: OutputLine) -> None:
        lines.append(line)
        if line.text == "last":
            ended.set()

    pipe = OutputPipe("stdout", reader, on_output)
    os.write(writer, b"first\nlast")
    os.close(writer)
    await asyncio.wait_for(ended.wait(), 10)

    assert [(line.stream, line.text) for line in lines] == [("stdout", "first"), ("stdout", "last")]
    pipe.close()


async def test_drain_delivers_what_is_in_the_pipe_though_a_writer_is_left() -> None:
    reader, writer = os.pipe()
    lines: list[OutputLine] = []
    pipe = OutputPipe("stderr", reader, lines.append)
    os.write(writer, b"one\ntwo")

    pipe.drain()

    os.close(writer)
    assert [line.text for line in lines] == ["one", "two"]
