"""What the programs of a ``RUN`` do here, each by itself."""

import posixpath
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from cloud.engine.images.file_commands import COMMANDS, FileCommands
from cloud.engine.images.passed_over import Reason
from cloud.engine.images.pip_command import PIP_GETS, PYTHON, pip_arguments
from cloud.engine.images.programs import why_not_run
from cloud.engine.images.shell_output import SINKS, is_kept, printed, write
from cloud.engine.images.shell_state import Result, State
from cloud.engine.images.shell_syntax import Redirection
from cloud.engine.images.shell_test import holds
from cloud.errors import InvalidArgument, NotFound

_SHELL = re.compile(r"(?:ba|da|z|k)?sh")
_SCRIPT = re.compile(r"-[a-z]*c")
_PREFIXES = frozenset(("command", "exec", "nice", "nohup", "sudo", "time", "builtin"))
"""Programs that run the one that follows them."""
_PIP_WITHOUT_EFFECT = frozenset(
    ("cache", "check", "config", "debug", "freeze", "help", "list", "show", "--version", "-V")
)


class Exit(Exception):
    """``exit``."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Programs:
    """
    Args:
        run_script: for the script of a shell that a script starts; whether it succeeds.
    """

    def __init__(self, state: State, run_script: Callable[[str], bool | None]) -> None:
        self._state = state
        self._run_script = run_script

    def perform(
        self, line: str, words: Sequence[str], redirections: Sequence[Redirection], before: str | None
    ) -> Result:
        """
        Args:
            line: as it is written.
            before: what the command before it in a pipeline prints, if that is known.

        Raises:
            InvalidArgument: it fails for certain.
            Exit: it ends the script.
        """
        arguments, state = list(words), self._state
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
                state.folder = posixpath.normpath(posixpath.join(state.folder, rest[0] if rest else "/root"))
            case "export", _:
                state.variables.update(one.partition("=")[::2] for one in rest if "=" in one)
            case "unset", _:
                for variable in rest:
                    state.variables.pop(variable, None)
            case (("true" | ":"), _):
                for redirection in redirections:
                    write(state, redirection, "")
            case "false", _:
                return Result(succeeded=False)
            case "exit", _:
                raise Exit(int(rest[0]) if rest and rest[0].isdecimal() else 0)
            case (("test" | "["), _):
                return Result(holds(rest[:-1] if name == "[" else rest, state.files, state.folder))
            case (("echo" | "printf" | "cat"), _) if (text := printed(state, name, rest, redirections)) is not None:
                written = [write(state, redirection, text) for redirection in redirections]
                return Result(output="" if any(written) else text)
            case "tee", _ if before is not None:
                for path in (one for one in rest if not one.startswith("-") and one not in SINKS):
                    state.files.write(state.path(path), before.encode(), append="-a" in rest)
                return Result(output=before)
            case "yes", _:
                return Result(output="")
            case _, [flags, script, *_] if _SHELL.fullmatch(name) and _SCRIPT.fullmatch(flags):
                with state.kept():
                    return Result(self._run_script(script))
            case _ if found := pip_arguments(arguments):
                return self._pip(line, *found)
            case _, ["setup.py", ("install" | "develop"), *_] if PYTHON.fullmatch(name):
                return self._pip(line, "install", ["."])
            case _, ["-m", ("venv" | "virtualenv"), *_] if PYTHON.fullmatch(name):
                state.passed_over.add(f"RUN {line}", Reason.ENVIRONMENT)
            case _:
                reason, is_harmless = why_not_run(name, rest)
                if is_harmless and any(is_kept(state, one) for one in redirections):
                    reason, is_harmless = Reason.PROGRAM, False
                state.passed_over.add(f"RUN {line}", reason, is_harmless=is_harmless)
                return Result(None)
        return Result()

    def _file_command(self, line: str, name: str, arguments: Sequence[str]) -> Result:
        state = self._state
        try:
            FileCommands(state.files, state.folder).perform(name, arguments)
        except NotFound:
            state.passed_over.add(f"RUN {line}", Reason.NO_FILE)
            return Result(None)
        return Result()

    def _pip(self, line: str, action: str, arguments: Sequence[str]) -> Result:
        state = self._state
        if action in PIP_GETS:
            state.installed.pip_install(
                arguments,
                line,
                files=state.files,
                folder=state.folder,
                variables=state.variables,
                passed_over=state.passed_over,
            )
        elif action == "uninstall":
            state.installed.uninstall(one for one in arguments if not one.startswith("-"))
            state.passed_over.add(f"RUN {line}", Reason.ENVIRONMENT)
        else:
            if meant := get_close_matches(action, PIP_GETS, n=1, cutoff=0.8):
                raise InvalidArgument(f"pip: unknown command {action!r} - maybe you meant {meant[0]!r}")
            reason = Reason.NO_EFFECT if action in _PIP_WITHOUT_EFFECT else Reason.NETWORK
            state.passed_over.add(f"RUN {line}", reason)
            return Result(None)
        return Result()
