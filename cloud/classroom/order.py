"""What the class tells a student's process when it starts it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Order:
    """The first line for a student's process. Other settings are in its environment."""

    name: str
    project: str
    folder: str
    language: str
    port: int
    """Of the student's page; 0 picks a free one."""
    key: str = field(repr=False)
    """The secret in the address of that page."""
    slots: str
    """The socket of the class's queue. Not in the environment: a cloud that a notebook starts is not the class's."""
    reset: bool = False
    """Remove what the folder holds first."""
