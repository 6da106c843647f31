"""What ``echo``, ``printf`` and ``cat`` print, and the files that it goes to."""

import re
from collections.abc import Sequence

from cloud.engine.images.shell_state import State
from cloud.engine.images.shell_syntax import Redirection
from cloud.engine.images.shell_words import joined
from cloud.engine.images.variables import expand_document

SINKS = ("/dev/null", "/dev/stdout", "/dev/stderr")
_OUTPUT = (">", ">>", "1>", "1>>", ">|", "&>", "&>>")


def printed(state: State, name: str, arguments: Sequence[str], redirections: Sequence[Redirection]) -> str | None:
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
            return f"{joined(one.target, state.variables)}\n"
        is_quoted = any(piece.is_quoted for piece in one.target)
        return one.document if is_quoted else expand_document(one.document, state.variables)
    paths = [state.path(one) for one in arguments if not one.startswith("-")]
    if not paths or not all(state.files.is_file(path) for path in paths):
        return None
    return "".join(state.files.read_text(path) for path in paths)


def write(state: State, redirection: Redirection, text: str) -> bool:
    """Whether the text goes to a file."""
    if not is_kept(state, redirection):
        return False
    state.files.write(
        state.path(joined(redirection.target, state.variables)),
        text.encode(),
        append=redirection.operator.endswith(">>"),
    )
    return True


def is_kept(state: State, redirection: Redirection) -> bool:
    """Whether what is printed goes to a file of the image."""
    return redirection.operator in _OUTPUT and joined(redirection.target, state.variables) not in SINKS


def _unescaped(text: str) -> str:
    return re.sub(r"\\([nt\\])", lambda one: {"n": "\n", "t": "\t", "\\": "\\"}[one[1]], text)
