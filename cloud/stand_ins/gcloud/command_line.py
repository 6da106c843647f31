"""Reads gcloud's command line: groups, flags anywhere, ``--`` and what follows it.

``argparse``, on which gcloud itself is built, so that flags and arguments in any order are understood alike.
"""

import argparse
import importlib
import sys
from typing import Any, NoReturn

from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud import tree
from cloud.stand_ins.gcloud.commands import COMMANDS, Command
from cloud.stand_ins.gcloud.global_flags import GLOBAL, NOT_DONE, OF_LISTS, add_flags
from cloud.stand_ins.gcloud.invocation import Invocation, is_silenced

WHAT_IT_IS = (
    "This gcloud is the stand-in of an offline cloud, not Google's Cloud SDK: it has the commands of "
    "machine-learning courses. `gcloud --help` lists them."
)
USAGE_STATUS = 2


class _Usage(Failure):
    def __init__(self, path: tuple[str, ...], message: str, details: str = "") -> None:
        super().__init__(message, details=details or WHAT_IT_IS, status=USAGE_STATUS)
        self.path = path


class _Parser(argparse.ArgumentParser):
    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(add_help=False, allow_abbrev=False, prog="gcloud")
        self._path = path

    def error(self, message: str) -> NoReturn:
        raise _Usage(self._path, message[:1].lower() + message[1:])


def main(argv: list[str]) -> int:
    """Returns the exit status."""
    path: tuple[str, ...] = ()
    try:
        path, before, after = _find_command(argv)
        if path in ((), ("help",)) or "--help" in before or "-h" in before:
            return _help(path, asked=bool(argv))
        return _run(path, before + after[0], after[1])
    except _Usage as error:
        return _fail(error.path, error, None)
    except Failure as error:
        return _fail(path, error, None)


def _find_command(argv: list[str]) -> tuple[tuple[str, ...], list[str], tuple[list[str], list[str] | None]]:
    """The command's path, as typed, the flags before its last word, and what follows it, cut at ``--``."""
    rest: list[str] | None = None
    if "--" in argv:
        cut = argv.index("--")
        argv, rest = argv[:cut], argv[cut + 1 :]
    typed: list[str] = []
    flags: list[str] = []
    remaining = list(argv)
    while remaining:
        word = remaining.pop(0)
        if word.startswith("-"):
            flags.append(word)
            if _takes_value(word) and remaining:
                flags.append(remaining.pop(0))
            continue
        path = (*typed, word)
        canonical = _canonical(path)
        if tree.module_of(canonical) is not None:
            return path, flags, (remaining, rest)
        if canonical and not tree.below(canonical):
            raise _Usage(tuple(typed), _unknown(_canonical(tuple(typed)), word))
        typed.append(word)
    if "--version" in flags or "-v" in flags:
        return ("version",), [], ([], None)
    if typed and "--help" not in flags and "-h" not in flags:
        choices = ", ".join(tree.below(_canonical(tuple(typed))))
        raise _Usage(tuple(typed), "Command name argument expected.", f"Available here: {choices}.\n{WHAT_IT_IS}")
    return tuple(typed), flags, ([], rest)


def _canonical(path: tuple[str, ...]) -> tuple[str, ...]:
    if path[:1] and path[0] in tree.TRACKS:
        path = path[1:]
    return (tree.ALIASES.get(path[0], path[0]), *path[1:]) if path else ()


def _takes_value(word: str) -> bool:
    return "=" not in word and any(word in each.names and each.takes_value for each in GLOBAL)


def _unknown(group: tuple[str, ...], word: str) -> str:
    near = _close_matches(word, tree.below(group), 1)
    anywhere = [" ".join(path) for path in tree.all_paths()]
    hint = f" Did you mean '{near[0]}'?" if near else ""
    if not near and (likely := _close_matches(" ".join((*group, word)), anywhere, 3)):
        hint = f"\nMaybe you meant:\n  gcloud {(chr(10) + '  gcloud ').join(likely)}"
    return f"Invalid choice: {word!r}.{hint}"


def _run(path: tuple[str, ...], arguments: list[str], rest: list[str] | None) -> int:
    canonical = _canonical(path)
    module = tree.module_of(canonical)
    importlib.import_module(f"cloud.stand_ins.gcloud.{module}")
    chosen = COMMANDS[canonical]
    flags = _parse(path, chosen, arguments, rest)
    invocation = Invocation(path, flags, rest)
    if path[0] == "ml-engine":
        invocation.say(
            "WARNING: The `gcloud ml-engine` commands have been renamed and will soon be removed. "
            "Please use `gcloud ai-platform` instead."
        )
    try:
        found = chosen.run(invocation, flags)
        return _show(found, chosen, invocation)
    except Failure as error:
        return _fail(path, error, invocation)


def _parse(path: tuple[str, ...], chosen: Command, arguments: list[str], rest: list[str] | None) -> argparse.Namespace:
    parser = _Parser(path)
    known = (*chosen.flags, *GLOBAL, *(OF_LISTS if chosen.is_list else ()))
    add_flags(parser, known)
    if rest is not None and not chosen.takes_rest:
        arguments, rest = [*arguments, "--", *rest], None
    try:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    except TypeError:  # a positional argument of a kind that may not be mixed with flags
        flags, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise _Usage(path, _unrecognized(unknown, [name for each in known for name in each.names]))
    for each in chosen.flags:
        destination = each.options.get("dest") or each.names[0].lstrip("-").replace("-", "_")
        if each.is_required and getattr(flags, destination, None) in (None, []):
            name = each.names[0] if each.names[0].startswith("-") else each.options.get("metavar", each.names[0])
            raise _Usage(path, f"argument {name}: Must be specified.")
    for name in NOT_DONE:
        if getattr(flags, name) is not None:
            raise _Usage(path, f"--{name.replace('_', '-')} is not in this gcloud")
    return flags


def _unrecognized(unknown: list[str], names: list[str]) -> str:
    shown = []
    for word in unknown:
        plain = word.partition("=")[0]
        near = _close_matches(plain, names, 1) if plain.startswith("--") else []
        shown.append(f"{word} (did you mean '{near[0]}'?)" if near else word)
    if len(shown) == 1:
        return f"unrecognized arguments: {shown[0]} "
    return "unrecognized arguments:\n  " + "\n  ".join(shown)


def _show(found: Any, chosen: Command, invocation: Invocation) -> int:
    status, flags = 0, invocation.flags
    if isinstance(found, tuple):
        found, status = found
    if found is not None:
        _print(found, chosen, invocation)
    if invocation.after and flags.format is None:
        invocation.say(invocation.after)
    return status


def _print(found: Any, chosen: Command, invocation: Invocation) -> None:
    flags = invocation.flags
    if chosen.is_list or flags.flatten or getattr(flags, "filter", None):
        from cloud.stand_ins.output import lists

        found = lists.select(found, flags)
        if not found and flags.format is None and chosen.announces_none:
            invocation.say("Listed 0 items.")
    if is_silenced(flags):
        return
    wanted = flags.format or invocation.configuration.get("core/default_format")
    if wanted is None and invocation.text is not None:
        sys.stdout.write(invocation.text)
    else:
        from cloud.stand_ins.output.formats import render

        own = chosen.default_format
        sys.stdout.write(render(found, wanted or own, own if chosen.is_list else None))
    sys.stdout.flush()


def _fail(path: tuple[str, ...], error: Failure, invocation: Invocation | None) -> int:
    message, details = error.message, error.details
    if isinstance(error, HttpError) and invocation is not None:
        from cloud.stand_ins.gcloud.api_errors import explain

        message, details = explain(error, invocation)
    where = "" if error.is_unplaced else f"({'.'.join(('gcloud', *path))}) "
    sys.stderr.write(f"ERROR: {where}{message}\n{details.rstrip()}")
    sys.stderr.write("\n" if details else "")
    return error.status


def _help(path: tuple[str, ...], *, asked: bool) -> int:
    canonical = _canonical(path)
    stream = sys.stdout if asked else sys.stderr
    stream.write(f"{WHAT_IT_IS}\n\n")
    module = tree.module_of(canonical)
    if module is not None:
        importlib.import_module(f"cloud.stand_ins.gcloud.{module}")
        chosen = COMMANDS[canonical]
        shown = [" | ".join(each.names) for each in chosen.flags]
        stream.write(f"gcloud {' '.join(path)}\n" + "".join(f"    {each}\n" for each in sorted(shown)))
        return 0
    for each in tree.all_paths():
        if each[: len(canonical)] == canonical:
            stream.write(f"  gcloud {' '.join(each)}\n")
    return 0 if asked else USAGE_STATUS


def _close_matches(word: str, known: list[str], most: int) -> list[str]:
    from difflib import get_close_matches  # of no use to a command that is understood

    return get_close_matches(word, known, most)
