"""The filters of a list of images: https://docs.docker.com/reference/cli/docker/image/ls/#filter. Pure."""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cloud.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class ListFilters:
    """
    Args:
        references: patterns of a name, with or without a tag; empty: any.
        dangling: whether it is to have no name; None: whatever it has.
    """

    references: tuple[str, ...] = ()
    dangling: bool | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """
        Args:
            text: ``{"reference": ["x"]}``, or as older clients write it ``{"reference": {"x": true}}``.

        Raises:
            InvalidArgument: it is none of these, or a filter is not known.
        """
        try:
            found = {str(name): tuple(map(str, values)) for name, values in json.loads(text or "{}").items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise InvalidArgument(f"filters={text[:200]}: it must be an object of lists", field="filters") from error
        if unknown := sorted(found.keys() - {"reference", "dangling"}):
            raise InvalidArgument(
                f"invalid filter '{unknown[0]}': known are 'dangling' and 'reference'", field="filters"
            )
        dangling = found.get("dangling")
        return cls(found.get("reference", ()), dangling[0].lower() in ("true", "1") if dangling else None)

    def passes(self, names: Sequence[str]) -> bool:
        """Whether an image of these names is listed."""
        if self.dangling is not None and self.dangling is bool(names):
            return False
        return not self.references or bool(self.names(names))

    def names(self, names: Sequence[str]) -> list[str]:
        """Those of its names that were asked for."""
        return [name for name in names if not self.references or any(_fits(name, each) for each in self.references)]


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rpartition(":")[0], pattern)
