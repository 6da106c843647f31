"""Reads the options of docker's commands, before, between and after their arguments, as pflag does
(https://pkg.go.dev/github.com/spf13/pflag). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud.stand_ins.failures import Failure

_TRUE = ("", "1", "t", "true")
_USAGE_STATUS = 125


class UsageFailure(Failure):
    def __init__(self, message: str) -> None:
        super().__init__(message, status=_USAGE_STATUS)


@dataclass(frozen=True, slots=True)
class Option:
    """
    Args:
        name: the long one, without dashes.
        letter: the short one; empty: there is none.
        takes_value: else it is a switch.
        effect: for the help; empty: it is accepted and has no effect here.
    """

    name: str
    letter: str = ""
    takes_value: bool = True
    effect: str = ""


@dataclass(slots=True)
class Given:
    """What a command line gave."""

    values: dict[str, list[str]] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)

    def last(self, name: str, default: str = "") -> str:
        return self.values.get(name, [default])[-1]

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def is_set(self, name: str) -> bool:
        return self.last(name, "false").lower() in _TRUE


def read(options: Sequence[Option], words: Sequence[str], *, until_argument: bool = False) -> Given:
    """
    Args:
        until_argument: what follows the first argument are arguments, whatever it is, as in ``docker run``.

    Raises:
        UsageFailure: an option is not known, or has no value.
    """
    by_name = {option.name: option for option in options}
    by_letter = {option.letter: option for option in options if option.letter}
    given, rest = Given(), list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            given.arguments += rest
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if (option := by_name.get(name)) is None:
                raise UsageFailure(f"unknown flag: --{name}")
            if option.takes_value and not equals:
                value = _next(rest, f"--{name}")
            given.values.setdefault(name, []).append(value)
        elif word.startswith("-") and word != "-":
            _letters(word, by_letter, rest, given)
        elif until_argument:
            given.arguments += [word, *rest]
            break
        else:
            given.arguments.append(word)
    return given


def _letters(word: str, by_letter: dict[str, Option], rest: list[str], given: Given) -> None:
    """Switches may share a dash; what follows the letter of an option with a value is it: ``-f-``, ``-t=x``."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if (option := by_letter.get(letter)) is None:
            raise UsageFailure(f"unknown shorthand flag: '{letter}' in {word}")
        if option.takes_value:
            value = letters.removeprefix("=") if letters else _next(rest, f"'{letter}' in {word}")
            letters = ""
        else:
            value = ""
            if letters.startswith("="):
                value, letters = letters[1:], ""
        given.values.setdefault(option.name, []).append(value)


def _next(rest: list[str], name: str) -> str:
    if not rest:
        raise UsageFailure(f"flag needs an argument: {name}")
    return rest.pop(0)
