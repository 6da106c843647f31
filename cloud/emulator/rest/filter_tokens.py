"""The words of a filter, of a list (AIP-160) or in Cloud Logging's query language, which has a few more. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from cloud.errors import InvalidArgument


class Kind(Enum):
    NAME = "name"
    """A field's path, a bare value, a keyword."""
    QUOTED = "quoted"
    COMPARISON = "comparison"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    """As written."""
    value: str
    """What it means: without quotes, escapes resolved."""
    line: int
    column: int
    follows_at_once: bool
    """No space before it."""

    def is_mark(self, text: str) -> bool:
        return self.kind is Kind.MARK and self.text == text


_STRING = r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'"
_PLAIN = r"""[^\s()=<>!:~,"']+"""
_VALUE = re.compile(r"""(?P<name>[^\s()=<>!~:"',][^\s()=<>!"']*)""")
"""What may follow a comparison without quotes: a time has colons, an argument begins with hyphens."""
_SPLIT = re.compile(
    rf"""(?P<space>\s+|--[^\n]*)
    |(?P<comparison>>=|<=|!=|=~|!~|=|>|<|:)
    |(?P<mark>[(),]|-(?=[\s(A-Za-z_"']))
    |(?P<name>{_PLAIN}(?:(?<=\.)(?:{_STRING})(?:{_PLAIN})?)*)
    |(?P<quoted>{_STRING})""",
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(rf"(?P<quoted>{_STRING})|(?P<plain>[^.\"']+)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def tokens_of(text: str) -> list[Token]:
    """All of ``text``, with an END at the end.

    Raises:
        InvalidArgument: a quote without its other end, or a character of no word.
    """
    found: list[Token] = []
    position, after_space = 0, True
    while position < len(text):
        is_value = bool(found) and found[-1].kind is Kind.COMPARISON
        match = (_VALUE.match(text, position) if is_value else None) or _SPLIT.match(text, position)
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        if match is None or match.lastgroup is None:
            raise InvalidArgument(
                f"Unparseable filter: syntax error at line {line}, column {column}, token {text[position]!r}",
                field="filter",
            )
        position = match.end()
        if match.lastgroup == "space":
            after_space = True
            continue
        kind, written = Kind(match.lastgroup), match[0]
        value = unquoted(written) if kind is Kind.QUOTED else written
        found.append(Token(kind, written, value, line, column, not after_space))
        after_space = False
    found.append(Token(Kind.END, "", "", text.count("\n") + 1, len(text) - text.rfind("\n"), follows_at_once=False))
    return found


def path_of(token: Token) -> tuple[str, ...]:
    """The names in a field's path: ``labels."ml.googleapis.com/job_id"`` has two."""
    return tuple(unquoted(piece[0]) if piece["quoted"] else piece[0] for piece in _PIECE.finditer(token.text)) or ("",)


def unquoted(text: str) -> str:
    """What a string in quotes means."""

    def resolved(match: re.Match[str]) -> str:
        four, two, octal, letter = match.groups()
        if letter is not None:
            return _LETTERS.get(letter, letter)
        return chr(int(octal, 8) if octal else int(four or two, 16))

    return _ESCAPE.sub(resolved, text[1:-1])
