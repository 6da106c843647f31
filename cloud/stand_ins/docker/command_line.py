"""Reads docker's command line: global options, the command, its own options and arguments."""

import importlib
import sys

from cloud.stand_ins.docker.commands import COMMANDS, Command
from cloud.stand_ins.docker.engine_client import EngineClient
from cloud.stand_ins.docker.flags import Option, read
from cloud.stand_ins.docker.words import LIKE, WHAT_IT_IS
from cloud.stand_ins.failures import Failure

MODULES: dict[str, tuple[str, ...]] = {
    "build": ("build", "image build", "builder build", "buildx build"),
    "transfers": ("push", "image push", "pull", "image pull", "login", "logout"),
    "images": (
        *("images", "image ls", "image list", "tag", "image tag", "rmi", "image rm", "image prune"),
        *("inspect", "image inspect", "history", "image history"),
    ),
    "system": ("version", "info", "system info", "ps", "container ls", "run", "container run"),
}
_GROUPS = frozenset(name.split()[0] for names in MODULES.values() for name in names if " " in name)
_GLOBAL = (
    *(Option("config"), Option("context", "c"), Option("host", "H"), Option("log-level", "l")),
    *(Option("debug", "D", takes_value=False), Option("version", "v", takes_value=False)),
    Option("help", "h", takes_value=False),
)
_HELP = Option("help", takes_value=False)


def main(argv: list[str]) -> int:
    """Returns the exit status: 1, and for what is said wrongly 125, as docker's."""
    try:
        return _main(argv)
    except Failure as error:
        sys.stdout.flush()
        sys.stderr.write(f"{error.message}\n" + (f"{error.details}\n" if error.details else ""))
        return error.status


def _main(argv: list[str]) -> int:
    given = read(_GLOBAL, argv, until_argument=True)
    words = given.arguments
    if given.is_set("version"):
        sys.stdout.write(f"Docker version {LIKE} (stand-in)\n{WHAT_IT_IS}\n")
        return 0
    if given.is_set("help") or not words or words == ["help"]:
        return _help()
    for name in ("host", "context"):
        if value := given.last(name):
            raise Failure(f"--{name}={value}: {WHAT_IT_IS}")
    name, words = _name(words[1:] if words[0] == "help" else words)
    chosen = _load(name)
    own = read((*chosen.options, _HELP), words, until_argument=chosen.until_argument) if argv[0] != "help" else None
    if own is None or own.is_set("help"):
        sys.stdout.write(_usage(name, chosen))
        return 0
    count = len(own.arguments)
    if count < chosen.least or (chosen.most is not None and count > chosen.most):
        raise Failure(f"'docker {name}' requires {_needed(chosen)}\n\n{_usage(name, chosen)}")
    return chosen.run(EngineClient(), own) or 0


def _needed(chosen: Command) -> str:
    if chosen.most is None:
        return f"at least {chosen.least} argument"
    bound = "" if chosen.least == chosen.most else "at most "
    return f"{bound}{chosen.most} argument{'' if chosen.most == 1 else 's'}"


def _name(words: list[str]) -> tuple[str, list[str]]:
    if words[0] in _GROUPS and len(words) > 1 and not words[1].startswith("-"):
        return f"{words[0]} {words[1]}", words[2:]
    return words[0], words[1:]


def _load(name: str) -> Command:
    module = next((module for module, names in MODULES.items() if name in names), None)
    if module is None:
        raise Failure(f"docker: unknown command: docker {name}\n\n{WHAT_IT_IS}\nRun 'docker --help' for its commands")
    importlib.import_module(f"cloud.stand_ins.docker.{module}")
    return COMMANDS[name]


def _usage(name: str, chosen: Command) -> str:
    has_options = "[OPTIONS] " if chosen.options else ""
    lines = [f"Usage:  docker {name} {has_options}{chosen.usage}".rstrip(), ""]
    for option in chosen.options:
        letter = f"-{option.letter}, " if option.letter else "    "
        value = " VALUE" if option.takes_value else ""
        lines.append(f"  {letter}--{option.name}{value}".ljust(32) + (option.effect or "accepted, without effect here"))
    return "\n".join(lines).rstrip() + "\n"


def _help() -> int:
    sys.stdout.write(f"Usage:  docker COMMAND\n\n{WHAT_IT_IS}\n\nCommands:\n")
    for names in MODULES.values():
        for name in names:
            sys.stdout.write(f"  docker {name} {_load(name).usage}".rstrip() + "\n")
    return 0
