"""The words and operators of a shell's script, and what words stand for. Pure.

Python's shlex splits a line, too, but forgets which parts were quoted, and quotes decide what a variable and a pattern
are: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum, auto

from cloud.engine.images.patterns import WILDCARDS
from cloud.engine.images.variables import end_of_variable, value_of
from cloud.errors import InvalidArgument

_REDIRECTION = re.compile(r"(?:\d*(?:<<<|<<-?|>>|>\||<>|>&|<&|>|<)|&>>?)")
_OPERATOR = re.compile(r"&&|\|\||;;|\|&|[;&|()\n]")
_NAMES = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)


class Kind(Enum):
    WORD = auto()
    OPERATOR = auto()
    REDIRECTION = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_quoted: bool
    kind: str = "text"
    """Or ``variable``, with what is after the dollar and inside the braces, or ``command``: ``$(…)``."""


Word = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    """As it is written."""
    start: int
    end: int
    word: Word = ()
    document: str = ""
    """Of a redirection ``<<``."""

    @property
    def bare(self) -> str:
        """The text of a word without quotes and variables, such as ``if``; else empty."""
        return self.text if self.kind is Kind.WORD and all(_is_plain(piece) for piece in self.word) else ""

    def is_operator(self, *texts: str) -> bool:
        return self.kind is Kind.OPERATOR and self.text in texts


def _is_plain(piece: Piece) -> bool:
    return piece.kind == "text" and not piece.is_quoted


class Lexer:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._place = 0

    def tokens(self) -> list[Token]:
        """
        Raises:
            InvalidArgument: a quote, a brace or a here-document has no end.
        """
        found: list[Token] = []
        text = self._text
        while self._place < len(text):
            start, character = self._place, text[self._place]
            if text.startswith("\\\n", start):
                self._place += 2
            elif character in " \t\r":
                self._place += 1
            elif character == "#":
                end = text.find("\n", start)
                self._place = end if end >= 0 else len(text)
            elif redirection := _REDIRECTION.match(text, start):
                self._place = redirection.end()
                found.append(Token(Kind.REDIRECTION, redirection[0], start, self._place))
            elif operator := _OPERATOR.match(text, start):
                self._place = operator.end()
                found.append(Token(Kind.OPERATOR, operator[0], start, self._place))
                if operator[0] == "\n":
                    self._read_documents(found)
            else:
                word = self._word()
                found.append(Token(Kind.WORD, text[start : self._place], start, self._place, word))
        if any(token.text in ("<<", "<<-") and not token.document for token in found):
            self._read_documents(found)
        return found

    def _read_documents(self, found: list[Token]) -> None:
        """Those whose names are in the tokens before a line's end."""
        for index, token in enumerate(found[:-1]):
            if (
                token.kind is Kind.REDIRECTION
                and token.text.lstrip("0123456789") in ("<<", "<<-")
                and not token.document
            ):
                name = "".join(piece.text for piece in found[index + 1].word)
                lines = []
                while True:
                    if self._place >= len(self._text):
                        raise InvalidArgument(f"here-document {name!r} has no end")
                    end = self._text.find("\n", self._place)
                    end = end if end >= 0 else len(self._text)
                    line, self._place = self._text[self._place : end], end + 1
                    line = line.lstrip("\t") if token.text.endswith("-") else line
                    if line == name:
                        break
                    lines.append(f"{line}\n")
                found[index] = Token(token.kind, token.text, token.start, token.end, document="".join(lines) or "\n")

    def _word(self) -> Word:
        pieces: list[Piece] = []
        text = self._text
        while self._place < len(text):
            character = text[self._place]
            if character in " \t\r\n;&|()<>":
                break
            if character == "'":
                pieces.append(Piece(self._until("'"), is_quoted=True))
            elif character == '"':
                self._place += 1
                pieces.append(Piece("", is_quoted=True))
                self._double_quoted(pieces)
            elif character == "\\":
                following = text[self._place + 1 : self._place + 2]
                if following != "\n":
                    pieces.append(Piece(following or "\\", is_quoted=True))
                self._place += 2
            elif character in "$`":
                pieces.append(self._expansion(is_quoted=False))
            else:
                pieces.append(Piece(character, is_quoted=False))
                self._place += 1
        return tuple(pieces)

    def _double_quoted(self, pieces: list[Piece]) -> None:
        text = self._text
        while self._place < len(text):
            character = text[self._place]
            if character == '"':
                self._place += 1
                return
            if character == "\\" and text[self._place + 1 : self._place + 2] in ('"', "\\", "$", "`", "\n"):
                if text[self._place + 1] != "\n":
                    pieces.append(Piece(text[self._place + 1], is_quoted=True))
                self._place += 2
            elif character in "$`":
                pieces.append(self._expansion(is_quoted=True))
            else:
                pieces.append(Piece(character, is_quoted=True))
                self._place += 1
        raise InvalidArgument("unexpected end of file while looking for matching `\"'")

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._place + 1)
        if end < 0:
            raise InvalidArgument(f"unexpected end of file while looking for matching `{quote}'")
        inside, self._place = self._text[self._place + 1 : end], end + 1
        return inside

    def _expansion(self, *, is_quoted: bool) -> Piece:
        text, start = self._text, self._place
        if text[start] == "`":
            return Piece(self._until("`"), is_quoted, "command")
        if text.startswith("$(", start):
            depth, end = 1, start + 2
            while depth:
                if end >= len(text):
                    raise InvalidArgument("unexpected end of file while looking for matching `)'")
                depth += (text[end] == "(") - (text[end] == ")")
                end += 1
            self._place = end
            return Piece(text[start + 2 : end - 1], is_quoted, "command")
        self._place = end_of_variable(text, start)
        if self._place == start + 1:
            return Piece("$", is_quoted)
        return Piece(text[start + 1 : self._place], is_quoted, "variable")


# ---------------------------------------------------------------- what words stand for


@dataclass(frozen=True, slots=True)
class Field:
    """An argument of a command."""

    text: str
    pattern: str = ""
    """For the names of files, if it has wildcards that are not quoted."""


def has_command(word: Word) -> bool:
    """Whether a part of it is what another command prints."""
    return any(piece.kind == "command" for piece in word)


def uses(word: Word, names: Set[str]) -> bool:
    """Whether a part of it is the value of one of these variables."""
    return any(piece.kind == "variable" and names & set(_NAMES.findall(piece.text)) for piece in word)


def assigned(word: Word) -> str:
    """The variable that it sets, if it is ``NAME=value``; else empty."""
    plain = "".join(piece.text if _is_plain(piece) else "\0" for piece in word)
    found = _ASSIGNMENT.match(plain)
    return found[1] if found else ""


def fields(word: Word, variables: Mapping[str, str]) -> list[Field]:
    """The arguments that a word stands for: its variables are replaced, and those that are not quoted split."""
    found: list[Field] = []
    text, pattern, is_there = "", "", False
    for piece in word:
        value = _value(piece, variables)
        is_split = piece.kind == "variable" and not piece.is_quoted
        parts = re.split(r"[ \t\n]+", value) if is_split else [value]
        for index, part in enumerate(parts):
            if index and is_there:
                found.append(_field(text, pattern))
                text, pattern, is_there = "", "", False
            text += part
            pattern += re.sub(r"([*?\[\]\\])", r"\\\1", part) if piece.is_quoted else part
            is_there = is_there or bool(part) or piece.is_quoted
    return [*found, _field(text, pattern)] if is_there else found


def joined(word: Word, variables: Mapping[str, str]) -> str:
    """The text of a word where it is not split: in an assignment, and after ``>``."""
    return "".join(_value(piece, variables) for piece in word)


def assignment(word: Word, variables: Mapping[str, str]) -> tuple[str, str] | None:
    """``NAME=value``, if the word is that."""
    name = assigned(word)
    return (name, joined(word, variables)[len(name) + 1 :]) if name else None


def _value(piece: Piece, variables: Mapping[str, str]) -> str:
    if piece.kind != "variable":
        return piece.text
    expression = piece.text
    return value_of(expression[1:-1] if expression.startswith("{") else expression, variables)


def _field(text: str, pattern: str) -> Field:
    unquoted = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    return Field(text, pattern if WILDCARDS & set(unquoted) else "")
