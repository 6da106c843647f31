"""Reads the arguments of ``pip install`` and the lines of requirements files. Pure.

https://pip.pypa.io/en/stable/cli/pip_install/, https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.errors import InvalidArgument

PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
PIP_GETS = frozenset(("install", "wheel", "download"))
"""What gets packages; the last two for a later command or stage that installs them."""
_ACTIONS = PIP_GETS | {"cache", "check", "config", "debug", "freeze", "list", "show", "uninstall"}
_PIP = re.compile(r"pip(?:\d(?:\.\d+)?)?")
_WITH_VALUE = frozenset(
    """
    --abi --cache-dir --cert --client-cert --config-settings --constraint --default-timeout --editable
    --exists-action --extra-index-url --find-links --global-option --implementation --index --index-strategy
    --index-url --install-option --keyring-provider --log --no-binary --only-binary --platform --prefix
    --progress-bar --proxy --python --python-version --report --requirement --retries --root --root-user-action
    --src --target --timeout --trusted-host --dest --wheel-dir --upgrade-package --upgrade-strategy
    --use-deprecated --use-feature
    """.split()  # noqa: SIM905
)
_SHORT_WITH_VALUE = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-t": "--target",
    "-C": "--config-settings",
    "-p": "--python",
    "-w": "--wheel-dir",
    "-d": "--dest",
}
_INDEX = ("--index", "--index-url", "--extra-index-url", "--find-links")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_OPTION_OF_REQUIREMENT = re.compile(r"\s+--(?:hash|config-settings|global-option|install-option)\b.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class PipInstall:
    targets: tuple[str, ...] = ()
    """Names with versions, URLs, folders and archives, in their order."""
    requirement_files: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()
    index_options: tuple[str, ...] = ()
    """Those that name another index than the one that is set for this cloud."""
    is_upgrade: bool = False


def read_pip_install(arguments: Sequence[str]) -> PipInstall:
    """
    Raises:
        InvalidArgument: nothing follows an option that has a value.
    """
    targets, requirements, constraints, index = [], [], [], []
    is_upgrade, rest = False, list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            targets.append(word)
            continue
        option, value = _option(word, rest)
        match option:
            case "--requirement":
                requirements.append(value)
            case "--constraint":
                constraints.append(value)
            case "--editable":
                targets.append(value)
            case "--upgrade":
                is_upgrade = True
            case _ if option in _INDEX:
                index.append(f"{option} {value}")
    return PipInstall(tuple(targets), tuple(requirements), tuple(constraints), tuple(index), is_upgrade)


def _option(word: str, rest: list[str]) -> tuple[str, str]:
    """The long name of an option, and its value, taken from ``rest`` where it follows."""
    if word.startswith("--"):
        option, has_value, value = word.partition("=")
        if has_value or option not in _WITH_VALUE:
            return option, value
    elif word[:2] in _SHORT_WITH_VALUE:
        option, value = _SHORT_WITH_VALUE[word[:2]], word[2:].removeprefix("=")
        if value:
            return option, value
    else:
        return "--upgrade" if "U" in word else word, ""
    if not rest:
        raise InvalidArgument(f"{word} option requires 1 argument")
    return option, rest.pop(0)


def requirement_lines(text: str, variables: Mapping[str, str]) -> list[str]:
    """The lines of a requirements file without comments and options of a single requirement."""
    joined = re.sub(r"[ \t]*\\\r?\n[ \t]*", " ", text.removeprefix("\ufeff"))
    found = []
    for raw in joined.splitlines():
        line = _VARIABLE.sub(lambda name: variables.get(name[1], name[0]), _COMMENT.sub("", raw).strip())
        if line:
            found.append(line if line.startswith("-") else _OPTION_OF_REQUIREMENT.sub("", line))
    return found


def read_requirement_line(line: str) -> PipInstall:
    """
    Raises:
        InvalidArgument: it is an option that is cut short.
    """
    if not line.startswith("-"):
        return PipInstall((line,))
    try:
        return read_pip_install(shlex.split(line))
    except ValueError as error:
        raise InvalidArgument(f"{line!r}: {error}") from None


def pip_arguments(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """What pip or ``uv pip`` is to do, and with what; None: it is another program."""
    program = posixpath.basename(words[0])
    rest = list(words[1:])
    if PYTHON.fullmatch(program) and "-m" in rest and rest[rest.index("-m") + 1 :][:1] == ["pip"]:
        rest = rest[rest.index("-m") + 2 :]
    elif program == "uv" and "pip" in rest:
        rest = rest[rest.index("pip") + 1 :]
    elif not _PIP.fullmatch(program):
        return None
    actions = [word for word in rest if word in _ACTIONS] or [word for word in rest if not word.startswith("-")]
    action = (actions or rest or ["help"])[0]
    if action not in rest:
        return action, []
    place = rest.index(action)
    return action, [*rest[:place], *rest[place + 1 :]] if action in PIP_GETS else rest[place + 1 :]
