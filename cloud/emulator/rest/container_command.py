"""What of a training container's command can run without its image. Pure.

That is Python with a module that is installed here, or with code; and a shell's line of that, with packages installed
before, as the SDK's ``CustomJob.from_local_script`` writes it for a container of one's own.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from cloud.engine.runtimes import python_code

_PYTHON = re.compile(r"(?:/\S*/)?python(?:3(?:\.\d+)?)?")
_SHELL = re.compile(r"(?:/\S*/)?(?:ba|da|z)?sh")
_SCRIPT = re.compile(r"-[eulx]*c")
"""The flags of a shell that gets its script as an argument."""
_GIVEN_PROGRAM = re.compile(r'(?:^|&&|\n)\s*(?:exec\s+)?"\$0"\s+"\$@"\s*$')
"""The end of a shell's script that runs what follows it: ``sh -c 'pip install x && "$0" "$@"' python3 -c …``."""
_PIP = re.compile(r"(?:/\S*/)?pip3?")
_SILENT = re.compile("-[uBPsq]*")
"""Flags of Python's that make no difference to what a job does here."""
_PIP_FLAGS = frozenset(
    ("-q", "--quiet", "-U", "--upgrade", "--user", "--no-cache-dir", "--no-deps", "--force-reinstall", "--no-input")
)
_TOOLS = frozenset(("pip", "setuptools", "wheel"))
_ENTRY_POINT = "The image's own entry point is not known: give in `command` what it runs."
_MOUNTED = re.compile(r"/gcs/([^/]+/.+\.(?:tar\.gz|whl))")


class NeedsImage(Exception):
    """Why a command cannot run without its image."""


@dataclass(frozen=True, slots=True)
class Runnable:
    module: str
    args: tuple[str, ...]
    package_uris: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    """Installed before, from a package index."""


def container_program(command: Sequence[str], args: Sequence[str]) -> Runnable:
    """What a container with these is here. Without a command they are arguments of the image's entry point, if any.

    Raises:
        NeedsImage: it is nothing.
    """
    try:
        return without_image([*command, *args])
    except NeedsImage:
        if command:
            raise
        raise NeedsImage(_ENTRY_POINT) from None


def is_shell_script(command: Sequence[str]) -> bool:
    """Whether arguments that are appended to ``command`` go to a shell, not to the program."""
    match command:
        case [shell, flags, script, *_]:
            is_script = _SHELL.fullmatch(shell) and _SCRIPT.fullmatch(flags)
            return bool(is_script) and not _GIVEN_PROGRAM.search(script)
    return False


def without_image(
    command: Sequence[str], packages: tuple[str, ...] = (), requirements: tuple[str, ...] = ()
) -> Runnable:
    """What ``command`` is here.

    Args:
        packages: on ``gs://``, installed before: its module may be theirs.
        requirements: the same of a package index.

    Raises:
        NeedsImage: it is nothing.
    """
    match command:
        case []:
            raise NeedsImage(_ENTRY_POINT)
        case [python, *rest] if _PYTHON.fullmatch(python):
            return _python(rest, packages, requirements)
        case [shell, flags, script] if _SHELL.fullmatch(shell) and _SCRIPT.fullmatch(flags):
            return _line(_one_line(script, flags))
        case [shell, flags, script, *program] if _SHELL.fullmatch(shell) and _SCRIPT.fullmatch(flags):
            if found := _GIVEN_PROGRAM.search(script):
                before = _one_line(script[: found.start()], flags)
                return _line(" && ".join(filter(None, (before, shlex.join(program)))))
            raise NeedsImage(f"The shell's script does not use what follows it, {program[0][:100]!r}.")
    raise NeedsImage(f"Outside the image there is no program {command[0][:100]!r}.")


def _python(rest: Sequence[str], packages: tuple[str, ...], requirements: tuple[str, ...]) -> Runnable:
    for place, word in enumerate(rest):
        if not word.startswith("-") or word == "-":
            raise NeedsImage(f"The script {word[:100]!r} is a file of the image.")
        flag = _SILENT.sub("", word, count=1)
        if flag[:1] in ("m", "c"):
            following = [flag[1:]] if flag[1:] else []
            match [*following, *rest[place + 1 :]]:
                case []:
                    raise NeedsImage(f"Nothing follows Python's {word}.")
                case [code, *args] if flag[0] == "c":
                    return Runnable(python_code.MODULE, (code, *args), packages, requirements)
                case [module, *args]:
                    return Runnable(module, tuple(args), packages, requirements)
        if flag:
            raise NeedsImage(f"Python's flag {word[:60]!r} is not followed here: leave it out.")
    raise NeedsImage("Python would read its program from standard input.")


# ---------------------------------------------------------------- a shell's line


def _one_line(script: str, flags: str) -> str:
    """The commands of ``script`` joined by &&, where each line must succeed (``-e``)."""
    lines = filter(None, map(str.strip, script.split("\n"))) if "e" in flags else [script.strip()]
    line = " && ".join(lines)
    if re.search(r"[$`\n]", line):
        raise NeedsImage("Of a shell's script only commands joined by && are followed here, without variables.")
    return line


def _line(line: str) -> Runnable:
    *before, last = _commands(line)
    targets = [target for command in before for target in _installed_by(command)]
    packages = tuple(target for target in targets if target.startswith("gs://"))
    requirements = tuple(target for target in targets if not target.startswith("gs://"))
    return without_image(last[1:] if last[:1] == ["exec"] else last, packages, requirements)


def _commands(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters, lexer.whitespace_split = "", True
    found: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word == "&&":
                found.append([])
            elif word and not word.strip("();<>|&"):
                raise NeedsImage(f"Of a shell's script only commands joined by && are followed here, not {word!r}.")
            else:
                found[-1].append(word)
    except ValueError as error:
        raise NeedsImage(f"The shell's script is cut short: {error}.") from None
    return found


def _installed_by(command: Sequence[str]) -> list[str]:
    """What ``pip install`` of it installs: packages on ``gs://``, and requirements.

    Raises:
        NeedsImage: it is another command, or installs something else.
    """
    match command:
        case [python, "-m", "pip", "install", *targets] if _PYTHON.fullmatch(python):
            pass
        case [pip, "install", *targets] if _PIP.fullmatch(pip):
            pass
        case _:
            raise NeedsImage(f"Outside the image {shlex.join(command)[:100]!r} may do something else.")
    found = []
    for target in targets:
        if mounted := _MOUNTED.fullmatch(target):
            found.append(f"gs://{mounted[1]}")
        elif target.startswith("-"):
            if target not in _PIP_FLAGS:
                raise NeedsImage(
                    f"Of pip's options {target[:100]!r} is not followed here: name the packages, and set the index for "
                    "this program by PIP_INDEX_URL."
                )
        elif not (requirement := _requirement(target)):
            raise NeedsImage(f"Outside the image pip cannot install {target[:100]!r}: name packages, or stage a wheel.")
        elif requirement.name not in _TOOLS:
            found.append(target)
    return found


def _requirement(target: str) -> Requirement | None:
    try:
        return Requirement(target)
    except InvalidRequirement:
        return None
