"""Reads a shell's script into commands: as much of the grammar as ``RUN`` lines use. Pure.

https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html. ``while``, ``case`` and functions are read as
one piece of text: they are not performed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cloud.engine.images.shell_words import Kind, Lexer, Token, Word
from cloud.errors import InvalidArgument

_NOT_PERFORMED = {"while": "done", "until": "done", "case": "esac", "select": "done", "[[": "]]"}
_ENDS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))


@dataclass(frozen=True, slots=True)
class Redirection:
    operator: str
    """``>``, ``>>``, ``<``, ``<<``, …; of standard output or input unless it begins with another number."""
    target: Word
    document: str = ""
    """What follows ``<<``."""


@dataclass(frozen=True, slots=True)
class Simple:
    text: str
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """``( … )`` or ``{ …; }``."""

    text: str
    body: "Script"
    in_subshell: bool


@dataclass(frozen=True, slots=True)
class If:
    text: str
    branches: tuple[tuple["Script", "Script"], ...]
    """Conditions with what follows each."""
    otherwise: "Script"


@dataclass(frozen=True, slots=True)
class For:
    text: str
    variable: str
    words: tuple[Word, ...]
    body: "Script"


@dataclass(frozen=True, slots=True)
class NotPerformed:
    text: str


Command = Simple | Group | If | For | NotPerformed


@dataclass(frozen=True, slots=True)
class Pipeline:
    text: str
    commands: tuple[Command, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines, each with the operator before it: ``&&``, ``||``, empty for the first."""

    pipelines: tuple[tuple[Literal["", "&&", "||"], Pipeline], ...]


Script = tuple[AndOr, ...]


def read_script(text: str) -> Script:
    """
    Raises:
        InvalidArgument: it is cut short, or its syntax is not known here.
    """
    return _Parser(text).script()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: Sequence[Token] = Lexer(text).tokens()
        self._place = 0

    def script(self) -> Script:
        found = self._list()
        if not self._at_end():
            raise InvalidArgument(f"syntax error near unexpected token {self._peek().text!r}")
        return found

    # ------------------------------------------------------------ lists and pipelines

    def _list(self) -> Script:
        found: list[AndOr] = []
        while True:
            while not self._at_end() and self._peek().is_operator(";", "\n", "&"):
                self._place += 1
            if self._at_end() or self._peek().is_operator(")", ";;") or self._peek().bare in _ENDS:
                return tuple(found)
            found.append(self._and_or())

    def _and_or(self) -> AndOr:
        pipelines: list[tuple[Literal["", "&&", "||"], Pipeline]] = [("", self._pipeline())]
        while not self._at_end() and self._peek().is_operator("&&", "||"):
            operator: Literal["&&", "||"] = "&&" if self._next().text == "&&" else "||"
            self._skip_lines()
            pipelines.append((operator, self._pipeline()))
        return AndOr(tuple(pipelines))

    def _pipeline(self) -> Pipeline:
        start, is_negated = self._start(), False
        while not self._at_end() and self._peek().bare == "!":
            self._place += 1
            is_negated = not is_negated
        commands = [self._command()]
        while not self._at_end() and self._peek().is_operator("|", "|&"):
            self._place += 1
            self._skip_lines()
            commands.append(self._command())
        return Pipeline(self._since(start), tuple(commands), is_negated)

    # ------------------------------------------------------------ commands

    def _command(self) -> Command:
        if self._at_end():
            raise InvalidArgument("syntax error: unexpected end of file")
        start, token = self._start(), self._peek()
        if token.is_operator("("):
            self._place += 1
            body = self._list()
            self._expect(")")
            return self._whole(Group(self._since(start), body, in_subshell=True), start)
        match token.bare:
            case "{":
                self._place += 1
                body = self._list()
                self._expect("}")
                return self._whole(Group(self._since(start), body, in_subshell=False), start)
            case "if":
                return self._if(start)
            case "for":
                return self._for(start)
            case word if word in _NOT_PERFORMED:
                return self._not_performed(start, word)
        return self._simple(start)

    def _if(self, start: int) -> Command:
        branches: list[tuple[Script, Script]] = []
        while self._peek().bare in ("if", "elif"):
            self._place += 1
            condition = self._list()
            self._expect("then")
            branches.append((condition, self._list()))
            if self._at_end():
                break
        otherwise: Script = ()
        if not self._at_end() and self._peek().bare == "else":
            self._place += 1
            otherwise = self._list()
        self._expect("fi")
        return self._whole(If(self._since(start), tuple(branches), otherwise), start)

    def _for(self, start: int) -> Command:
        self._place += 1
        variable, words = "" if self._at_end() else self._next().bare, []
        if self._at_end() or not re.fullmatch(r"[A-Za-z_]\w*", variable):
            return self._not_performed(start, "while")
        self._skip_lines()
        if not self._at_end() and self._peek().bare == "in":
            self._place += 1
            while not self._at_end() and self._peek().kind is Kind.WORD:
                words.append(self._next().word)
        while not self._at_end() and self._peek().is_operator(";", "\n"):
            self._place += 1
        self._expect("do")
        body = self._list()
        self._expect("done")
        return self._whole(For(self._since(start), variable, tuple(words), body), start)

    def _not_performed(self, start: int, word: str) -> Command:
        """Up to the end of the loop, of the same kind if there are some in it."""
        end, depth = _NOT_PERFORMED[word], 1
        self._place += 1
        openings = ("while", "until", "for", "select") if end == "done" else (word,)
        while depth:
            if self._at_end():
                raise InvalidArgument(f"syntax error: {word!r} has no {end!r}")
            bare = self._next().bare
            depth += (bare in openings) - (bare == end)
        return self._whole(NotPerformed(self._since(start)), start)

    def _simple(self, start: int) -> Command:
        words, redirections = [], []
        while not self._at_end():
            token = self._peek()
            if token.kind is Kind.WORD:
                words.append(self._next().word)
            elif token.kind is Kind.REDIRECTION:
                redirections.append(self._redirection())
            elif token.is_operator("(") and len(words) == 1:
                self._place += 1
                self._expect(")")
                self._skip_lines()
                self._command()
                return NotPerformed(self._since(start))
            else:
                break
        if not words and not redirections:
            raise InvalidArgument(
                f"syntax error near unexpected token {self._peek().text if not self._at_end() else 'newline'!r}"
            )
        return Simple(self._since(start), tuple(words), tuple(redirections))

    def _redirection(self) -> Redirection:
        token = self._next()
        if self._at_end() or self._peek().kind is not Kind.WORD:
            raise InvalidArgument(f"syntax error: nothing follows {token.text}")
        return Redirection(token.text, self._next().word, token.document)

    def _whole(self, command: Command, start: int) -> Command:
        """With the redirections after it: one to a file is not followed of a command that consists of others."""
        goes_to_file = False
        while not self._at_end() and self._peek().kind is Kind.REDIRECTION:
            redirection = self._redirection()
            target = "".join(piece.text for piece in redirection.target)
            goes_to_file |= ">" in redirection.operator and not target.startswith("/dev/") and not target.isdecimal()
        return NotPerformed(self._since(start)) if goes_to_file else command

    # ------------------------------------------------------------ tokens

    def _at_end(self) -> bool:
        return self._place >= len(self._tokens)

    def _peek(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        self._place += 1
        return self._tokens[self._place - 1]

    def _skip_lines(self) -> None:
        while not self._at_end() and self._peek().is_operator("\n"):
            self._place += 1

    def _expect(self, text: str) -> None:
        if self._at_end() or self._next().text != text:
            raise InvalidArgument(f"syntax error: {text!r} is missing")

    def _start(self) -> int:
        return self._peek().start if not self._at_end() else len(self._text)

    def _since(self, start: int) -> str:
        end = self._tokens[self._place - 1].end if self._place else start
        return " ".join(self._text[start:end].split())
