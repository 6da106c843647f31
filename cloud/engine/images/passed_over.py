"""What of a Dockerfile has no effect here, and why."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

_LONGEST = 300


class Reason(StrEnum):
    SYSTEM = "system packages are this machine's"
    NETWORK = "there is no network while an image is built"
    PROGRAM = "programs are not run while an image is built"
    NO_EFFECT = "it makes no difference to a job"
    ENVIRONMENT = "a job gets an environment of its own"
    INDEX = "packages come from the index that is set for this cloud"
    NO_FILE = "the image has no such file here"
    SYNTAX = "of a shell's language only plain commands are followed"
    UNKNOWN = "what it depends on is not known here"


_WITHOUT_FILES = re.compile(r"RUN (?:\w+=\S+ )*(?:sudo )?(?:apk|apt|apt-get|dnf|yum) |pip install --")
_HARMLESS = frozenset((Reason.NO_EFFECT, Reason.ENVIRONMENT))


@dataclass(slots=True)
class PassedOver:
    """
    Args:
        log: of the build.
    """

    log: Callable[[str], None]
    lines: list[str] = field(default_factory=list)
    """Those that may be missed: ``RUN apt-get install -y curl``."""
    files_may_be_missing: bool = False
    """Whether one of them may have made files."""

    def __post_init__(self) -> None:
        self.files_may_be_missing |= any(not _WITHOUT_FILES.match(line) for line in self.lines)

    def add(self, line: str, reason: Reason, *, is_harmless: bool = False) -> None:
        shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
        self.log(f" ---> passed over: {shown} ({reason})")
        if is_harmless or reason in _HARMLESS:
            return
        if shown not in self.lines:
            self.lines.append(shown)
        if reason not in (Reason.SYSTEM, Reason.INDEX):
            self.files_may_be_missing = True
