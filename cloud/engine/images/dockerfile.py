"""Reads a Dockerfile into its instructions. Pure.

The format: https://docs.docker.com/reference/dockerfile/. No library on PyPI reads all of it: dockerfile-parse 2.0
takes the lines of a here-document for instructions, and does not know ``# escape=``.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cloud.errors import InvalidArgument

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][\w-]*)\s*=\s*(.+?)\s*")
_INSTRUCTION = re.compile(r"(?P<name>[^\s]+)(?:\s+(?P<value>.*))?", re.DOTALL)
_FLAG = re.compile(r"--(?P<name>[a-z][a-z-]*)(?:=(?P<value>\S*))?(?:\s+|$)")
_HERE = re.compile(
    r"(?<![<\\])\d*<<(?P<tabs>-?)\s*(?P<quote>['\"]?)(?P<name>[A-Za-z_][\w.-]*)(?P=quote)(?![^\s;&|)<>])"
)
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON has them, and no program is called with one
_NAMES = frozenset(
    """
    ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER
    VOLUME WORKDIR
    """.split()  # noqa: SIM905
)
_WITH_HERE_DOCUMENTS = ("ADD", "COPY", "RUN")
_WITH_FLAGS = ("ADD", "COPY", "FROM", "HEALTHCHECK", "RUN")
_WITH_JSON = ("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME")


@dataclass(frozen=True, slots=True)
class HereDocument:
    name: str
    text: str
    expands: bool
    """Whether its variables are replaced: its name is not quoted."""


@dataclass(frozen=True, slots=True)
class Instruction:
    line: int
    """Of its first, from 1."""
    name: str
    """In capitals."""
    value: str
    """What follows the name and the flags, on one line."""
    flags: tuple[tuple[str, str], ...] = ()
    """``--from=builder``; without a value: ``true``."""
    words: tuple[str, ...] | None = None
    """The exec form, a JSON array of strings, if it has that."""
    documents: tuple[HereDocument, ...] = ()

    def flag(self, name: str) -> str:
        """The last of several; empty: there is none."""
        return dict(self.flags).get(name, "")

    def __str__(self) -> str:
        flags = "".join(f"--{name}={value} " for name, value in self.flags)
        return f"{self.name} {flags}{' '.join(self.value.split())}".strip()


@dataclass(frozen=True, slots=True)
class Dockerfile:
    instructions: tuple[Instruction, ...]
    escape: str = "\\"


def read_dockerfile(text: str) -> Dockerfile:
    """
    Raises:
        InvalidArgument: it is none, in Docker's words, with the line.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    escape = _escape(lines)
    found, place = [], 0
    while place < len(lines):
        start, (line, place) = place, _logical_line(lines, place, escape)
        if line.strip():
            instruction, place = _instruction(line.strip(), start, lines, place)
            found.append(instruction)
    if not found:
        raise InvalidArgument(
            "the Dockerfile cannot be empty: it starts with FROM, and the image that this one is made from"
        )
    return Dockerfile(tuple(found), escape)


def _escape(lines: Sequence[str]) -> str:
    """Of the directives before everything else: the character that continues a line."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape":
            if directive[2] not in ("\\", "`"):
                raise InvalidArgument(f"invalid ESCAPE {directive[2]!r}: it must be ` or \\")
            return directive[2]
    return "\\"


def _logical_line(lines: Sequence[str], place: int, escape: str) -> tuple[str, int]:
    """The line at ``place`` with those that continue it, and the place after them. Comments and empty lines between
    them do not count."""
    joined, goes_on = "", False
    while place < len(lines):
        line = lines[place]
        place += 1
        if line.lstrip().startswith("#") or (goes_on and not line.strip()):
            if goes_on:
                continue
            return "", place
        stripped = line.rstrip()
        goes_on = stripped.endswith(escape)
        joined += stripped[:-1] if goes_on else line
        if not goes_on:
            break
    return joined, place


def _instruction(line: str, start: int, lines: Sequence[str], place: int) -> tuple[Instruction, int]:
    parts = _INSTRUCTION.fullmatch(line)
    assert parts is not None  # noqa: S101
    name, value = parts["name"].upper(), (parts["value"] or "").strip()
    if name not in _NAMES:
        raise InvalidArgument(f"dockerfile parse error on line {start + 1}: unknown instruction: {parts['name'][:100]}")
    if not value:
        raise InvalidArgument(f"dockerfile parse error on line {start + 1}: {name} requires at least one argument")
    flags = []
    while name in _WITH_FLAGS and (flag := _FLAG.match(value)):
        flags.append((flag["name"], "true" if flag["value"] is None else flag["value"]))
        value = value[flag.end() :]
    documents: tuple[HereDocument, ...] = ()
    if name in _WITH_HERE_DOCUMENTS:
        documents, place = _documents(value, start, lines, place)
    words = _json_words(value) if name in _WITH_JSON else None
    return Instruction(start + 1, name, value, tuple(flags), words, documents), place


def _json_words(value: str) -> tuple[str, ...] | None:
    if not value.startswith("["):
        return None
    try:
        words = json.loads(value)
    except ValueError:  # Docker takes it for the shell form, too
        return None
    return tuple(words) if all(isinstance(word, str) and _SURROGATE.search(word) is None for word in words) else None


def _documents(value: str, start: int, lines: Sequence[str], place: int) -> tuple[tuple[HereDocument, ...], int]:
    found = []
    for opening in _HERE.finditer(value):
        text = []
        while True:
            if place >= len(lines):
                raise InvalidArgument(
                    f"dockerfile parse error on line {start + 1}: unterminated heredoc {opening['name']}"
                )
            line = lines[place].lstrip("\t") if opening["tabs"] else lines[place]
            place += 1
            if line == opening["name"]:
                break
            text.append(f"{line}\n")
        found.append(HereDocument(opening["name"], "".join(text), expands=not opening["quote"]))
    return tuple(found), place


def without_here_documents(value: str) -> str:
    """The value of an instruction without the names of its here-documents."""
    return " ".join(_HERE.sub(" ", value).split())
