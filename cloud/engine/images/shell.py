"""What a ``RUN`` does here: files of the image change, requirements are noted, everything else is passed over."""

import posixpath
import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from cloud.engine.images.file_commands import COMMANDS, FileCommands
from cloud.engine.images.image_files import ImageFiles
from cloud.engine.images.installed import Installed
from cloud.engine.images.passed_over import PassedOver, Reason
from cloud.engine.images.programs import why_not_run
from cloud.engine.images.shell_syntax import (
    AndOr,
    Command,
    For,
    Group,
    If,
    NotPerformed,
    Pipeline,
    Redirection,
    Script,
    Simple,
    read_script,
)
from cloud.engine.images.shell_test import holds
from cloud.engine.images.shell_words import Field, Word, assignment, fields, has_command, joined
from cloud.engine.images.variables import expand_document
from cloud.errors import InvalidArgument, NotFound

_PIP = re.compile(r"pip(?:\d(?:\.\d+)?)?")
_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_SHELL = re.compile(r"(?:ba|da|z|k)?sh")
_SCRIPT = re.compile(r"-[a-z]*c")
_PREFIXES = frozenset(("command", "exec", "nice", "nohup", "sudo", "time", "builtin"))
"""Programs that run the one that follows them."""
_KEYS = frozenset(("apt-key", "gpg"))
"""What is got for them is of no use here."""
_PIP_WITHOUT_EFFECT = frozenset(
    ("cache", "check", "config", "debug", "freeze", "help", "list", "show", "--version", "-V")
)
_OUTPUT = (">", ">>", "1>", "1>>", ">|", "&>", "&>>")
_SINKS = ("/dev/null", "/dev/stdout", "/dev/stderr")


@dataclass(frozen=True, slots=True)
class Result:
    """Of a command."""

    succeeded: bool | None = True
    """None: not known, because it was passed over; what follows goes on as if it had."""
    output: str | None = None
    """What it prints, if that is known."""


class Exit(Exception):
    """``exit``."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Shell:
    """
    Args:
        variables: of the environment; those that the script sets are added.
        folder: the current one, ``WORKDIR``.
    """

    def __init__(
        self,
        files: ImageFiles,
        installed: Installed,
        passed_over: PassedOver,
        variables: MutableMapping[str, str],
        folder: str,
    ) -> None:
        self._files = files
        self._installed = installed
        self._passed_over = passed_over
        self._variables = variables
        self._folder = folder

    def run(self, text: str) -> None:
        """
        Raises:
            InvalidArgument: it fails for certain, as it would in Docker.
        """
        try:
            script = read_script(text)
        except InvalidArgument:
            self._passed_over.add(f"RUN {' '.join(text.split())}", Reason.SYNTAX)
            return
        try:
            succeeded = self._script(script)
        except Exit as ending:
            succeeded = ending.status == 0
        if succeeded is False:
            raise InvalidArgument(f"The command '/bin/sh -c {text.strip()[:300]}' returned a non-zero code: 1")

    def run_program(self, words: Sequence[str]) -> None:
        """The same of an exec form, which no shell reads."""
        line = " ".join(words)
        try:
            result = self._program(line, [Field(word) for word in words], (), None)
        except Exit as ending:
            result = Result(succeeded=ending.status == 0)
        if result.succeeded is False:
            raise InvalidArgument(f"The command {line[:300]!r} returned a non-zero code: 1")

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
            self._passed_over.add(f"RUN {pipeline.text}", Reason.SYSTEM, is_harmless=True)
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
                folder = self._folder
                result = Result(self._script(body))
                if in_subshell:
                    self._folder = folder
                return result
            case If():
                return Result(self._if(command))
            case For(variable=variable, words=words, body=body) if not any(map(has_command, words)):
                succeeded: bool | None = True
                for field in self._fields(words):
                    self._variables[variable] = field.text
                    succeeded = self._script(body)
                return Result(succeeded)
            case For() | NotPerformed():
                self._passed_over.add(f"RUN {command.text}", Reason.SYNTAX)
        return Result(None)

    def _if(self, command: If) -> bool | None:
        for condition, body in command.branches:
            if not _is_test(condition) or (found := self._script(condition)) is None:
                self._passed_over.add(f"RUN {command.text}", Reason.UNKNOWN)
                return None
            if found:
                return self._script(body)
        return self._script(command.otherwise)

    def _simple(self, command: Simple, printed: str | None) -> Result:
        words = list(command.words)
        if any(map(has_command, (*words, *(one.target for one in command.redirections)))):
            self._passed_over.add(f"RUN {command.text}", Reason.UNKNOWN, is_harmless=_has_no_effect(command))
            return Result(None)
        own = {}
        while words and (set_here := assignment(words[0], self._variables)):
            own[set_here[0]] = set_here[1]
            words.pop(0)
        if not words:
            self._variables.update(own)
            for redirection in command.redirections:
                self._write(redirection, "")
            return Result()
        # Its own variables are in its environment, not in its words.
        return self._program(command.text, self._fields(words), command.redirections, printed)

    def _fields(self, words: Sequence[Word]) -> list[Field]:
        found = []
        for word in words:
            for field in fields(word, self._variables):
                matching = self._files.matching(posixpath.join(self._folder, field.pattern)) if field.pattern else []
                if matching:
                    found += [Field(self._as_written(path, field.pattern)) for path in matching]
                elif field.text.startswith("~") and word[0].text == "~" and not word[0].is_quoted:
                    found.append(Field(self._variables.get("HOME", "/root") + field.text[1:]))
                else:
                    found.append(field)
        return found

    def _as_written(self, path: str, pattern: str) -> str:
        return path if pattern.startswith("/") else posixpath.relpath(path, self._folder)

    # ------------------------------------------------------------ programs

    def _program(
        self, line: str, words: Sequence[Field], redirections: Sequence[Redirection], printed: str | None
    ) -> Result:
        arguments = [field.text for field in words]
        while arguments and (arguments[0] in _PREFIXES or (arguments[0] == "env" and len(arguments) > 1)):
            arguments = arguments[1:]
            while arguments and (arguments[0].startswith("-") or re.match(r"[A-Za-z_]\w*=", arguments[0])):
                arguments = arguments[1:]
        if not arguments:
            return Result()
        name, rest = posixpath.basename(arguments[0]), arguments[1:]
        if name in COMMANDS:
            return self._file_command(line, name, rest)
        match name, rest:
            case "cd", _:
                self._folder = posixpath.normpath(posixpath.join(self._folder, rest[0] if rest else "/root"))
            case "export", _:
                self._variables.update(one.partition("=")[::2] for one in rest if "=" in one)
            case "unset", _:
                for variable in rest:
                    self._variables.pop(variable, None)
            case (("true" | ":"), _):
                for redirection in redirections:
                    self._write(redirection, "")
            case "false", _:
                return Result(succeeded=False)
            case "exit", _:
                raise Exit(int(rest[0]) if rest and rest[0].isdecimal() else 0)
            case (("test" | "["), _):
                return Result(holds(rest[:-1] if name == "[" else rest, self._files, self._folder))
            case (("echo" | "printf" | "cat"), _) if (text := self._printed(name, rest, redirections)) is not None:
                written = [self._write(redirection, text) for redirection in redirections]
                return Result(output="" if any(written) else text)
            case "tee", _ if printed is not None:
                for path in (one for one in rest if not one.startswith("-") and one not in _SINKS):
                    self._files.write(self._path(path), printed.encode(), append="-a" in rest)
                return Result(output=printed)
            case "yes", _:
                return Result(output="")
            case _, [flags, script, *_] if _SHELL.fullmatch(name) and _SCRIPT.fullmatch(flags):
                self._nested(script)
            case _ if found := _pip_arguments(arguments):
                return self._pip(line, *found)
            case _, ["setup.py", ("install" | "develop"), *_] if _PYTHON.fullmatch(name):
                return self._pip(line, "install", ["."])
            case _, ["-m", ("venv" | "virtualenv"), *_] if _PYTHON.fullmatch(name):
                self._passed_over.add(f"RUN {line}", Reason.ENVIRONMENT)
            case _:
                reason, is_harmless = why_not_run(name, rest)
                is_kept = any(one.operator in _OUTPUT and self._target(one) not in _SINKS for one in redirections)
                if is_kept and is_harmless:
                    reason, is_harmless = Reason.PROGRAM, False
                self._passed_over.add(f"RUN {line}", reason, is_harmless=is_harmless)
                return Result(None)
        return Result()

    def _nested(self, script: str) -> None:
        folder, variables = self._folder, dict(self._variables)
        self.run(script)
        self._folder = folder
        self._variables.clear()
        self._variables.update(variables)

    def _file_command(self, line: str, name: str, arguments: Sequence[str]) -> Result:
        try:
            FileCommands(self._files, self._folder).perform(name, arguments)
        except NotFound:
            self._passed_over.add(f"RUN {line}", Reason.NO_FILE)
            return Result(None)
        return Result()

    def _pip(self, line: str, action: str, arguments: Sequence[str]) -> Result:
        if action == "install":
            self._installed.pip_install(
                arguments,
                line,
                files=self._files,
                folder=self._folder,
                variables=self._variables,
                passed_over=self._passed_over,
            )
        elif action == "uninstall":
            self._installed.uninstall(one for one in arguments if not one.startswith("-"))
            self._passed_over.add(f"RUN {line}", Reason.ENVIRONMENT)
        else:
            reason = Reason.NO_EFFECT if action in _PIP_WITHOUT_EFFECT else Reason.NETWORK
            self._passed_over.add(f"RUN {line}", reason)
            return Result(None)
        return Result()

    # ------------------------------------------------------------ text

    def _printed(self, name: str, arguments: Sequence[str], redirections: Sequence[Redirection]) -> str | None:
        """What ``echo``, ``printf`` or ``cat`` prints; None: not known."""
        if name == "echo":
            flags = re.compile(r"-[neE]+")
            words = list(arguments)
            while words and flags.fullmatch(words[0]):
                words.pop(0)
            ends = "" if any("n" in one for one in arguments[: len(arguments) - len(words)]) else "\n"
            # The shell of Debian's images, dash, always replaces \n and \t.
            return _unescaped(" ".join(words)) + ends
        if name == "printf":
            form, *values = arguments or [""]
            if "%" in form.replace("%s", "").replace("%%", "") or form.count("%s") not in (0, len(values)):
                return None
            pieces = iter(values)
            return re.sub("%s|%%", lambda one: next(pieces) if one[0] == "%s" else "%", _unescaped(form))
        documents = [one for one in redirections if one.operator.startswith("<<")]
        if documents:
            one = documents[-1]
            if one.operator == "<<<":
                return f"{joined(one.target, self._variables)}\n"
            is_quoted = any(piece.is_quoted for piece in one.target)
            return one.document if is_quoted else expand_document(one.document, self._variables)
        paths = [self._path(one) for one in arguments if not one.startswith("-")]
        if not paths or not all(self._files.is_file(path) for path in paths):
            return None
        return "".join(self._files.read_text(path) for path in paths)

    def _write(self, redirection: Redirection, text: str) -> bool:
        """Whether the text goes to a file."""
        if redirection.operator not in _OUTPUT or (target := self._target(redirection)) in _SINKS:
            return False
        self._files.write(self._path(target), text.encode(), append=redirection.operator.endswith(">>"))
        return True

    def _target(self, redirection: Redirection) -> str:
        return joined(redirection.target, self._variables)

    def _path(self, text: str) -> str:
        return posixpath.join(self._folder, text)


def _pip_arguments(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """What pip or ``uv pip`` is to do, and with what; None: it is another program."""
    program = posixpath.basename(words[0])
    rest = list(words[1:])
    if _PYTHON.fullmatch(program) and "-m" in rest and rest[rest.index("-m") + 1 :][:1] == ["pip"]:
        rest = rest[rest.index("-m") + 2 :]
    elif program == "uv" and "pip" in rest:
        rest = rest[rest.index("pip") + 1 :]
    elif not _PIP.fullmatch(program):
        return None
    actions = [word for word in rest if not word.startswith("-")] or rest[:1]
    if not actions:
        return None
    action = actions[0]
    place = rest.index(action)
    return action, [*rest[:place], *rest[place + 1 :]] if action == "install" else rest[place + 1 :]


def _is_test(condition: Script) -> bool:
    """Whether a condition only asks, so that it is decided here or not at all."""
    names = {
        _program_name(command) for one in condition for _, pipeline in one.pipelines for command in pipeline.commands
    }
    return names <= {"[", "test", "true", "false", ":"}


def _program_name(command: Command) -> str:
    if isinstance(command, Simple) and command.words:
        return "".join(piece.text for piece in command.words[0])
    return ""


def _has_no_effect(command: Simple) -> bool:
    return not command.redirections and why_not_run(_program_name(command), ())[1]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([nt\\])", lambda one: {"n": "\n", "t": "\t", "\\": "\\"}[one[1]], text)
