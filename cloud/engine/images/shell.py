"""What a ``RUN`` does here: files of the image change, requirements are noted, everything else is passed over."""

import posixpath
from collections.abc import Sequence

from cloud.engine.images.passed_over import Reason
from cloud.engine.images.programs import why_not_run
from cloud.engine.images.shell_output import write
from cloud.engine.images.shell_programs import Exit, Programs
from cloud.engine.images.shell_state import Result, State
from cloud.engine.images.shell_syntax import (
    AndOr,
    Command,
    For,
    Group,
    If,
    NotPerformed,
    Pipeline,
    Script,
    Simple,
    read_script,
)
from cloud.engine.images.shell_words import Field, Word, assigned, assignment, fields, has_command, uses
from cloud.errors import InvalidArgument

_KEYS = frozenset(("apt-key", "gpg"))
"""What is got for them is of no use here."""


class Shell:
    def __init__(self, state: State) -> None:
        self._state = state
        self._programs = Programs(state, self._run)
        self._unknown: set[str] = set()
        """Variables that hold what a program prints."""

    def run(self, text: str) -> None:
        """
        Raises:
            InvalidArgument: it fails for certain, as it would in Docker.
        """
        if self._run(text) is False:
            raise InvalidArgument(f"The command '/bin/sh -c {text.strip()[:300]}' returned a non-zero code: 1")

    def run_program(self, words: Sequence[str]) -> None:
        """The same of an exec form, which no shell reads."""
        line = " ".join(words)
        try:
            result = self._programs.perform(line, words, (), None)
        except Exit as ending:
            result = Result(succeeded=ending.status == 0)
        if result.succeeded is False:
            raise InvalidArgument(f"The command {line[:300]!r} returned a non-zero code: 1")

    def _run(self, text: str) -> bool | None:
        """Whether it succeeds; None: not known."""
        try:
            script = read_script(text)
        except InvalidArgument:
            self._state.passed_over.add(f"RUN {' '.join(text.split())}", Reason.SYNTAX)
            return None
        try:
            return self._script(script)
        except Exit as ending:
            return ending.status == 0

    # ------------------------------------------------------------ syntax

    def _script(self, script: Script) -> bool | None:
        succeeded: bool | None = True
        for one in script:
            succeeded = self._and_or(one)
        return succeeded

    def _and_or(self, one: AndOr) -> bool | None:
        succeeded: bool | None = True
        for operator, pipeline in one.pipelines:
            if (operator == "&&" and succeeded is False) or (operator == "||" and succeeded is not False):
                continue
            succeeded = self._pipeline(pipeline)
        return succeeded

    def _pipeline(self, pipeline: Pipeline) -> bool | None:
        names = {_program_name(command) for command in pipeline.commands}
        if len(pipeline.commands) > 1 and _KEYS & names:
            self._state.passed_over.add(f"RUN {pipeline.text}", Reason.SYSTEM, is_harmless=True)
            return None
        result = Result()
        printed = None
        for command in pipeline.commands:
            result = self._command(command, printed)
            printed = result.output
        if pipeline.is_negated and result.succeeded is not None:
            return not result.succeeded
        return result.succeeded

    def _command(self, command: Command, printed: str | None) -> Result:
        match command:
            case Simple():
                return self._simple(command, printed)
            case Group(body=body, in_subshell=in_subshell):
                return Result(self._subshell(body) if in_subshell else self._script(body))
            case If():
                return Result(self._if(command))
            case For(variable=variable, words=words, body=body) if not any(map(self._is_unknown, words)):
                succeeded: bool | None = True
                for field in self._fields(words):
                    self._state.variables[variable] = field.text
                    succeeded = self._script(body)
                return Result(succeeded)
            case For() | NotPerformed():
                self._state.passed_over.add(f"RUN {command.text}", Reason.SYNTAX)
        return Result(None)

    def _subshell(self, body: Script) -> bool | None:
        with self._state.kept():
            try:
                return self._script(body)
            except Exit as ending:
                return ending.status == 0

    def _if(self, command: If) -> bool | None:
        for condition, body in command.branches:
            if not _is_test(condition) or (found := self._script(condition)) is None:
                self._state.passed_over.add(f"RUN {command.text}", Reason.UNKNOWN)
                return None
            if found:
                return self._script(body)
        return self._script(command.otherwise)

    def _simple(self, command: Simple, printed: str | None) -> Result:
        words = list(command.words)
        if any(map(self._is_unknown, (*words, *(one.target for one in command.redirections)))):
            self._unknown |= {name for word in words if self._is_unknown(word) and (name := assigned(word))}
            self._state.passed_over.add(f"RUN {command.text}", Reason.UNKNOWN, is_harmless=_has_no_effect(command))
            return Result(None)
        own = {}
        self._unknown -= set(map(assigned, words))
        while words and (set_here := assignment(words[0], self._state.variables)):
            own[set_here[0]] = set_here[1]
            words.pop(0)
        if not words:
            self._state.variables.update(own)
            for redirection in command.redirections:
                write(self._state, redirection, "")
            return Result()
        # Its own variables are in its environment, not in its words.
        return self._programs.perform(
            command.text, [field.text for field in self._fields(words)], command.redirections, printed
        )

    def _is_unknown(self, word: Word) -> bool:
        """Whether a part of it is what a program prints, now or before."""
        return has_command(word) or uses(word, self._unknown)

    def _fields(self, words: Sequence[Word]) -> list[Field]:
        found = []
        for word in words:
            for field in fields(word, self._state.variables):
                matching = (
                    self._state.files.matching(posixpath.join(self._state.folder, field.pattern))
                    if field.pattern
                    else []
                )
                if matching:
                    found += [Field(self._as_written(path, field.pattern)) for path in matching]
                elif field.text.startswith("~") and word[0].text == "~" and not word[0].is_quoted:
                    found.append(Field(self._state.variables.get("HOME", "/root") + field.text[1:]))
                else:
                    found.append(field)
        return found

    def _as_written(self, path: str, pattern: str) -> str:
        return path if pattern.startswith("/") else posixpath.relpath(path, self._state.folder)


def _is_test(condition: Script) -> bool:
    """Whether a condition only asks, so that it is decided here or not at all."""
    names = {
        _program_name(command) for one in condition for _, pipeline in one.pipelines for command in pipeline.commands
    }
    return names <= {"[", "test", "true", "false", ":"}


def _program_name(command: Command) -> str:
    """That of the first word, or of the one after ``sudo``."""
    names = ("".join(piece.text for piece in word) for word in command.words) if isinstance(command, Simple) else ()
    return next((name for name in names if name != "sudo"), "")


def _has_no_effect(command: Simple) -> bool:
    return not command.redirections and why_not_run(_program_name(command), ())[1]
