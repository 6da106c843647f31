"""Reads gsutil's command line: global options, the command, its own options (by ``getopt``, as gsutil does)."""

import getopt
import importlib
import sys

from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gsutil.commands import COMMANDS, Command, CommandFailure, Invocation, WorkerFailure
from cloud.stand_ins.listing import BucketNotFound

LIKE = "5.34"
"""The version of gsutil whose commands, output and statuses these are."""
WHAT_IT_IS = (
    "This gsutil is the stand-in of an offline cloud, not Google's: it has the commands of machine-learning courses. "
    "`gsutil help` lists them."
)
MODULES: dict[str, tuple[str, ...]] = {
    "reading": ("ls", "cat", "du", "stat", "hash"),
    "copies": ("cp", "mv", "rsync"),
    "removing": ("rm", "rb"),
    "buckets": ("mb", "versioning", "lifecycle", "label", "ubla", "setmeta", "compose"),
    "access": ("acl", "defacl", "iam"),
}
_ALIASES = {
    **dict.fromkeys(("copy",), "cp"),
    **dict.fromkeys(("move", "ren", "rename"), "mv"),
    **dict.fromkeys(("del", "delete", "remove"), "rm"),
    **dict.fromkeys(("dir", "list"), "ls"),
    **dict.fromkeys(("makebucket", "createbucket", "createbuckets", "md", "mkdir"), "mb"),
    **dict.fromkeys(("deletebucket", "removebucket", "removebuckets", "rmdir"), "rb"),
}
_GLOBAL = "Dd:i:h:mo:qu:"
_GLOBAL_LONG = ("help", "version", "testexceptiontraces", "stet")


def main(argv: list[str]) -> int:
    """Returns the exit status: 1 for all that fails."""
    try:
        return _main(argv)
    except BucketNotFound as error:
        return _fail(f"BucketNotFoundException: 404 {error.message} bucket does not exist.")
    except HttpError as error:
        return _fail(_http_text(error))
    except WorkerFailure as error:
        return _fail(f"Encountered a problem: CommandException: {error.message}")
    except CommandFailure as error:
        return _fail(f"CommandException: {error.message}" + (f"\n{error.details}" if error.details else ""))
    except Failure as error:
        return _fail(f"CommandException: {error.message}")


def _main(argv: list[str]) -> int:
    try:
        options, rest = getopt.getopt(argv, _GLOBAL, _GLOBAL_LONG)
    except getopt.GetoptError as error:
        raise CommandFailure(f"Unrecognized option: {error.opt}.", details=WHAT_IT_IS) from None
    names = {name for name, _ in options}
    if "--version" in names:
        rest = ["version"]
    if not rest or "--help" in names or rest[0] == "help":
        return _help()
    name, arguments = _ALIASES.get(rest[0], rest[0]), rest[1:]
    if name in ("version", "ver"):
        sys.stdout.write(f"gsutil version: {LIKE} (stand-in)\n{WHAT_IT_IS}\n")
        return 0
    chosen = _load(name)
    own, arguments = _split(name, chosen, arguments)
    headers = dict(value.partition(":")[::2] for option, value in options if option == "-h")
    settings = [value for option, value in options if option == "-o"]
    project = next((value for option, value in options if option == "-u"), None)
    if "-i" in names:
        raise CommandFailure("-i is not in this gsutil", details=WHAT_IT_IS)
    for setting in settings:
        key, _, value = setting.partition("=")
        if key == "GSUtil:default_project_id":
            project = value
    run = Invocation(name, own, arguments, "-m" in names, "-q" in names, project, headers)
    return chosen.run(run) or 0


def _load(name: str) -> Command:
    module = next((module for module, names in MODULES.items() if name in names), None)
    if module is None:
        near = _close_matches(name, [each for names in MODULES.values() for each in names], 1)
        hint = f"\nDid you mean this?\n\t{near[0]}\n" if near else ""
        raise CommandFailure(f'Invalid command "{name}".{hint}', details=WHAT_IT_IS)
    importlib.import_module(f"cloud.stand_ins.gsutil.{module}")
    return COMMANDS[name]


def _split(name: str, chosen: Command, arguments: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """gsutil's options come before the arguments; those of a subcommand (``acl ch -u``) after its name."""
    try:
        options, rest = getopt.getopt(arguments, chosen.letters)
    except getopt.GetoptError:
        raise CommandFailure(
            "Incorrect option(s) specified. Usage:\n\n" + _usage(chosen), details=f"{WHAT_IT_IS}"
        ) from None
    if len(rest) < chosen.least or (chosen.most is not None and len(rest) > chosen.most):
        raise CommandFailure(
            f"The {name} command requires at least {chosen.least} argument{'s' if chosen.least > 1 else ''}."
            if len(rest) < chosen.least
            else f"The {name} command accepts at most {chosen.most} arguments.",
            details=f"Usage:\n\n{_usage(chosen)}\n{WHAT_IT_IS}",
        )
    return options, rest


def _usage(chosen: Command) -> str:
    return "".join(f"  {line}\n" for line in chosen.usage.splitlines())


def _http_text(error: HttpError) -> str:
    kind = {401: "AccessDeniedException", 403: "AccessDeniedException", 404: "NotFoundException"}.get(error.code)
    if error.code == 400:
        kind = "BadRequestException"
    return f"{kind or 'ServiceException'}: {error.code} {error.message}"


def _fail(text: str) -> int:
    sys.stderr.write(f"{text.rstrip()}\n")
    return 1


def _help() -> int:
    sys.stdout.write(f"{WHAT_IT_IS}\n\n")
    for names in MODULES.values():
        for name in names:
            sys.stdout.write("".join(f"  {line}\n" for line in _load(name).usage.splitlines()))
    return 0


def _close_matches(word: str, known: list[str], most: int) -> list[str]:
    from difflib import get_close_matches  # of no use to a command that is understood

    return get_close_matches(word, known, most)
