"""How long the server of gRPC waits for a client, as that of HTTP/1.1 does."""

from dataclasses import dataclass

from cloud.emulator.http.connection import BODY_LIMIT, IDLE_LIMIT


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds."""

    preface: float = 10.0
    """For the first frame of a connection."""
    idle: float = IDLE_LIMIT
    """Without a call, until a connection is closed; gRPC's clients open another."""
    message: float = BODY_LIMIT
    """In which ``MIN_PIECE`` of a message must be received."""
    unread: float = 600.0
    """In which a client must make room for more of a response that it has not read."""
