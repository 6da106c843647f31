"""``matchGlob``: patterns of objects' names. Pure.

https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob. A pattern becomes
an automaton of which all states are followed at once: the time to match a name grows with its length only, whatever
the pattern. Python's regular expressions would try each way to divide a name among many ``*``, and nothing else be
served meanwhile; RE2's, which Cloud Logging's filters use by pyarrow, take thirty times as long a name.
"""

import re
from collections.abc import Callable, Iterable

from cloud.errors import InvalidArgument

LONGEST = 1024
"""Characters of a pattern at most."""
_MOST_SETS = 5000
"""Sets of states that are remembered at most."""
_NOWHERE = -1

_Test = Callable[[str], object]


class Glob:
    """``*`` and ``?`` within a folder, ``**`` across folders, ``[a-z]``, ``[!a-z]``, ``{one,two}``.

    Raises:
        InvalidArgument: a bracket or brace is unclosed, or the pattern is too long.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST:
            raise InvalidArgument(
                f"A pattern has {LONGEST} characters at most, not {len(pattern)}: {pattern[:100]!r}", field="matchGlob"
            )
        self._moves: list[tuple[_Test, int] | None] = []
        """Of each state: which character leads to which other one."""
        self._free: list[list[int]] = []
        """Of each state: those that are reached without a character."""
        first = self._state()
        self._last = self._parse(pattern, first)
        self._first = frozenset(self._reached([first]))
        self._forget()

    def matches(self, name: str) -> bool:
        if len(self._sets) > _MOST_SETS:
            self._forget()
        current = 0
        for character in name:
            following = self._known[current].get(character)
            if following is None:
                following = self._known[current][character] = self._step(current, character)
            if following == _NOWHERE:
                return False
            current = following
        return self._last in self._sets[current]

    # ---------------------------------------------------------------- following

    def _forget(self) -> None:
        self._sets = [self._first]
        self._known: list[dict[str, int]] = [{}]
        """Of each set of states, by its place in ``_sets``: the place of the one that a character leads to."""
        self._places = {self._first: 0}

    def _step(self, current: int, character: str) -> int:
        moves = (self._moves[state] for state in self._sets[current])
        reached = frozenset(self._reached(move[1] for move in moves if move and move[0](character)))
        if not reached:
            return _NOWHERE
        if reached not in self._places:
            self._places[reached] = len(self._sets)
            self._sets.append(reached)
            self._known.append({})
        return self._places[reached]

    def _reached(self, states: Iterable[int]) -> set[int]:
        """Those, and what is reached from them without a character."""
        found, waiting = set[int](), list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += self._free[state]
        return found

    # ---------------------------------------------------------------- parsing

    def _state(self) -> int:
        self._moves.append(None)
        self._free.append([])
        return len(self._free) - 1

    def _after(self, state: int, test: _Test) -> int:
        """A new state, that one character leads to."""
        new = self._state()
        self._moves[state] = (test, new)
        return new

    def _loop(self, state: int, test: _Test) -> int:
        """A new state, that any number of characters leads to."""
        new = self._state()
        self._free[state].append(new)
        self._moves[new] = (test, new)
        after = self._state()
        self._free[new].append(after)
        return after

    def _parse(self, pattern: str, state: int) -> int:
        """The state in which the whole pattern has matched."""
        braces: list[tuple[int, int]] = []  # where each that is open begins, and ends
        for piece in re.split(r"(\*\*/?|\*|\?|\[!?\]?[^\]]*\]|[{},])", pattern):
            if piece == "**/":
                before, state = state, self._after(self._loop(state, _is_any), "/".__eq__)
                self._free[before].append(state)
            elif piece in ("**", "*"):
                state = self._loop(state, _is_any if piece == "**" else "/".__ne__)
            elif piece == "?":
                state = self._after(state, "/".__ne__)
            elif piece.startswith("[") and piece.endswith("]"):
                state = self._after(state, _class(piece, pattern))
            elif piece == "{":
                braces.append((state, self._state()))
                state = self._alternative(state)
            elif piece == "}" and braces:
                self._free[state].append(braces[-1][1])
                _, state = braces.pop()
            elif piece == "," and braces:
                begin, end = braces[-1]
                self._free[state].append(end)
                state = self._alternative(begin)
            elif "[" in piece:
                raise InvalidArgument(f"Invalid pattern {pattern[:100]!r}: a '[' is not closed", field="matchGlob")
            else:
                for character in piece:
                    state = self._after(state, character.__eq__)
        if braces:
            raise InvalidArgument(f"Invalid pattern {pattern[:100]!r}: a '{{' is not closed", field="matchGlob")
        return state

    def _alternative(self, begin: int) -> int:
        new = self._state()
        self._free[begin].append(new)
        return new


def _is_any(_character: str) -> bool:
    return True


def _class(piece: str, pattern: str) -> _Test:
    inside = re.sub(r"([\\\[\]&~|^])", r"\\\1", piece[1:-1].removeprefix("!"))
    try:
        return re.compile(f"[{'^' if piece[1] == '!' else ''}{inside}]", re.DOTALL).fullmatch
    except re.error as error:
        raise InvalidArgument(f"Invalid pattern {pattern[:100]!r}: {error}", field="matchGlob") from None
