"""``ifGenerationMatch`` and the three similar preconditions. Pure.

https://cloud.google.com/storage/docs/request-preconditions; the status codes are those of the JSON API.
"""

from dataclasses import dataclass
from typing import Protocol

from cloud.engine.storage.errors import StorageFault
from cloud.errors import FailedPrecondition

NOT_MET = "At least one of the pre-conditions you specified did not hold."


class ConditionNotMet(StorageFault, FailedPrecondition):
    """A precondition of the request does not hold; nothing was changed.

    Args:
        details: which one, and what holds instead; shown where the API has a place for it.
    """

    http_status = 412

    def __init__(self, message: str, *, field: str | None = None, details: str = "") -> None:
        super().__init__(message, field=field)
        self.elements = {"Details": details or message}


class NotModified(FailedPrecondition):
    """A read with a ``NotMatch`` condition: the caller's version is current."""

    http_status = 304


class Generations(Protocol):
    @property
    def generation(self) -> int: ...
    @property
    def metageneration(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Generation 0 means that the object does not exist."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    def check(self, current: Generations | None, *, reading: bool = False) -> None:
        """Args:
            current: the live object or bucket, None if there is none.
            reading: the request is a read.

        Raises:
            ConditionNotMet: a condition does not hold.
            NotModified: a ``NotMatch`` condition of a read does not hold.
        """
        generation = current.generation if current else 0
        metageneration = current.metageneration if current else None
        if self.generation_match not in (None, generation):
            raise _not_met("ifGenerationMatch", self.generation_match, generation)
        if self.metageneration_match not in (None, metageneration):
            raise _not_met("ifMetagenerationMatch", self.metageneration_match, metageneration)
        for name, unwanted, found in (
            ("ifGenerationNotMatch", self.generation_not_match, generation),
            ("ifMetagenerationNotMatch", self.metageneration_not_match, metageneration),
        ):
            if unwanted is not None and unwanted == found:
                if reading:
                    raise NotModified("Not Modified", field=name)
                raise _not_met(name, unwanted, found)


ALWAYS = Preconditions()


def _not_met(name: str, wanted: int | None, found: int | None) -> ConditionNotMet:
    return ConditionNotMet(NOT_MET, field=name, details=f"{name}={wanted}, but the current value is {found}.")
