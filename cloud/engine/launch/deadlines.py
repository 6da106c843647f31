"""``Deadlines``: how long the engine waits for its fork servers and supervisors, which may be stopped (SIGSTOP)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds. They are not met by what is slow, only by what does not run."""

    load: float = 300.0
    """For a fork server to import its modules."""
    start: float = 60.0
    """For a fork server that has imported them to start a process, or to create a network."""
    end: float = 10.0
    """For a supervisor to end its processes once they have had their grace."""
