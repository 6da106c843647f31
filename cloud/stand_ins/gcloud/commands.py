"""How a command is declared: its path, flags and what is printed of its result."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.stand_ins.gcloud.invocation import Invocation

Run = Callable[[Invocation, argparse.Namespace], Any]


@dataclass(frozen=True, slots=True)
class Flag:
    """An argument as ``argparse`` knows it; a name without dashes is a positional one, in capitals."""

    names: tuple[str, ...]
    options: dict[str, Any]
    is_required: bool = False

    @property
    def takes_value(self) -> bool:
        return "action" not in self.options and "nargs" not in self.options


def flag(*names: str, required: bool = False, **options: Any) -> Flag:
    """Args:
    options: of ``ArgumentParser.add_argument``.
    """
    return Flag(names, options, required)


def switch(*names: str) -> Flag:
    """A flag without value; its ``--no-`` form turns it off."""
    return Flag(names, {"action": argparse.BooleanOptionalAction, "default": None})


@dataclass(frozen=True, slots=True)
class Command:
    run: Run
    flags: tuple[Flag, ...]
    default_format: str
    takes_rest: bool
    is_list: bool
    announces_none: bool


COMMANDS: dict[tuple[str, ...], Command] = {}
"""Of the modules that are loaded, by path."""


def command(
    path: str,
    *flags: Flag,
    shows: str = "yaml",
    takes_rest: bool = False,
    lists: bool = False,
    announces_none: bool = True,
) -> Callable[[Run], Run]:
    """Declare a command.

    Args:
        path: with blanks, ``ai-platform jobs list``.
        shows: the format of its result where ``--format`` gives none.
        takes_rest: arguments after ``--`` are passed on.
        lists: the result is a list: ``--filter``, ``--limit`` and ``--sort-by`` apply, and an empty one is announced.
    """

    def declare(run: Run) -> Run:
        COMMANDS[tuple(path.split())] = Command(run, flags, shows, takes_rest, lists, announces_none)
        return run

    return declare


def comma_list(text: str) -> list[str]:
    """``a,b``; ``^:^a:b`` has another delimiter (gcloud topic escaping)."""
    delimiter = ","
    if found := re.match(r"\^(.+?)\^", text):
        delimiter, text = found[1], text[found.end() :]
    return [part for part in text.split(delimiter) if part]


def comma_dict(text: str) -> dict[str, str]:
    """``a=1,b=2``.

    Raises:
        argparse.ArgumentTypeError: an item without ``=``.
    """
    found = {}
    for item in comma_list(text):
        name, equals, value = item.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"Bad syntax for dict arg: [{item}].")
        found[name] = value
    return found


def lower(choices: Sequence[str]) -> Callable[[str], str]:
    """A choice in any case, with - for _."""

    def check(text: str) -> str:
        plain = text.lower().replace("_", "-")
        if plain not in choices:
            from difflib import get_close_matches

            near = get_close_matches(plain, choices, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise argparse.ArgumentTypeError(
                f"Invalid choice: {text!r}.{hint or ' Valid choices are [' + ', '.join(sorted(choices)) + '].'}"
            )
        return plain

    return check
