"""Variables in a Dockerfile's words, as its reference describes them. Pure.

https://docs.docker.com/reference/dockerfile/#environment-replacement. The forms in braces are those of a shell, too.
"""

import re
from collections.abc import Mapping
from fnmatch import translate

from cloud.errors import InvalidArgument

_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]", re.ASCII)
_BRACED = re.compile(r"(?P<name>\w+|[@*#?$!-])(?P<operator>:?[-+?=]|##?|%%?|//?)?(?P<word>.*)", re.ASCII | re.DOTALL)


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """One word: its variables replaced, its quotes removed. A variable that is not set is empty."""
    found, place, quoted = [], 0, False
    while place < len(text):
        character = text[place]
        if character == "'" and not quoted:
            end = text.find("'", place + 1)
            if end < 0:
                raise InvalidArgument(f"unexpected end of statement while looking for matching single-quote: {text!r}")
            found.append(text[place + 1 : end])
            place = end + 1
        elif character == '"':
            quoted, place = not quoted, place + 1
        elif character == escape and place + 1 < len(text):
            following = text[place + 1]
            # Between double quotes it escapes only what has a meaning there.
            found.append(following if not quoted or following in f'"${escape}' else character + following)
            place += 2
        elif character == "$":
            value, place = read_variable(text, place, variables, escape)
            found.append(value)
        else:
            found.append(character)
            place += 1
    if quoted:
        raise InvalidArgument(f"unexpected end of statement while looking for matching double-quote: {text!r}")
    return "".join(found)


def expand_document(text: str, variables: Mapping[str, str]) -> str:
    """A here-document: its variables replaced; quotes in it are text."""
    found, place = [], 0
    while place < len(text):
        if text[place] == "\\" and text[place + 1 : place + 2] in ("$", "`", "\\", "\n"):
            found.append("" if text[place + 1] == "\n" else text[place + 1])
            place += 2
        elif text[place] == "$":
            value, place = read_variable(text, place, variables)
            found.append(value)
        else:
            found.append(text[place])
            place += 1
    return "".join(found)


def read_variable(text: str, place: int, variables: Mapping[str, str], escape: str = "\\") -> tuple[str, int]:
    """The value of the variable that begins at ``place`` with a dollar, and the place after it."""
    end = end_of_variable(text, place)
    if end == place + 1:
        return "$", end
    if text[place + 1] == "{":
        return value_of(text[place + 2 : end - 1], variables, escape), end
    return variables.get(text[place + 1 : end], ""), end


def end_of_variable(text: str, place: int) -> int:
    """The place after the variable that begins at ``place`` with a dollar; after the dollar, if none does.

    Raises:
        InvalidArgument: a brace is not closed.
    """
    if text[place + 1 : place + 2] != "{":
        name = _NAME.match(text, place + 1)
        return name.end() if name else place + 1
    depth, end = 1, place + 2
    while depth and end < len(text):
        depth += (text[end] == "{") - (text[end] == "}")
        end += 1
    if depth:
        raise InvalidArgument(f"a brace is not closed: {text[place:]!r:.200}")
    return end


def value_of(expression: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Of what is between ``${`` and ``}``: a name, or one with a default, a replacement or a pattern.

    Raises:
        InvalidArgument: it is none of them, or demands a value that is not there (``?``).
    """
    parts = _BRACED.fullmatch(expression)
    if parts is None or (parts["word"] and not parts["operator"]):
        raise InvalidArgument(f"bad substitution: ${{{expression}}}")
    value, operator = variables.get(parts["name"]), parts["operator"] or ""
    has_value = value is not None and (value != "" or not operator.startswith(":"))
    match operator[-1:]:
        case "":
            return value or ""
        case "-" | "=":
            return value or "" if has_value else expand(parts["word"], variables, escape)
        case "+":
            return expand(parts["word"], variables, escape) if has_value else ""
        case "?":
            if has_value:
                return value or ""
            raise InvalidArgument(f"{parts['name']}: {expand(parts['word'], variables, escape) or 'is not set'}")
        case "/":
            pattern, _, new = parts["word"].partition("/")
            return _replaced(value or "", expand(pattern, variables, escape), expand(new, variables, escape), operator)
    return _without(value or "", expand(parts["word"], variables, escape), operator)


def _without(value: str, pattern: str, operator: str) -> str:
    """``#`` and ``%``: without the shortest beginning or end that the pattern matches; doubled, the longest."""
    matches = re.compile(translate(pattern)).match
    lengths = range(len(value) + 1) if len(operator) == 1 else range(len(value), -1, -1)
    for length in lengths:
        if operator[0] == "#" and matches(value[:length]):
            return value[length:]
        if operator[0] == "%" and matches(value[len(value) - length :]):
            return value[: len(value) - length]
    return value


def _replaced(value: str, pattern: str, new: str, operator: str) -> str:
    if not pattern:
        return value
    regex = translate(pattern).replace(r"\Z", "").replace(r"\z", "")
    return re.sub(regex, lambda _: new, value, count=1 if operator == "/" else 0)


def split_words(text: str, escape: str = "\\") -> list[str]:
    """At white space that is neither quoted nor escaped. The words keep their quotes, for ``expand``."""
    words, word, quote, place = [], "", "", 0
    while place < len(text):
        character = text[place]
        if character == escape and quote != "'" and place + 1 < len(text):
            word += text[place : place + 2]
            place += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            if word:
                words.append(word)
            word, place = "", place + 1
            continue
        word += character
        place += 1
    return [*words, word] if word else words
