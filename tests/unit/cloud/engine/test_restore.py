from dataclasses import dataclass, field

import pytest

from cloud.engine.restore import restore, restore_uri
from cloud.names import GsUri


@dataclass(frozen=True, slots=True)
class Strict:
    size: int
    name: str = "unnamed"
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size > 3:
            raise ValueError("too large")


def test_defaults_are_applied_but_no_checks() -> None:
    made = restore(Strict, {"size": 9, "of an earlier version": 1})
    assert (made.size, made.name, made.labels) == (9, "unnamed", {})
    assert restore(Strict, {"size": 2, "name": "two"}) == Strict(2, "two")


def test_a_missing_value_without_a_default_is_an_error() -> None:
    with pytest.raises(KeyError, match="size"):
        restore(Strict, {})


@pytest.mark.parametrize("uri", [GsUri("bucket"), GsUri("bucket", "a/b//c "), restore(GsUri, {"bucket": "My_Bucket"})])
def test_uris_round_trip(uri: GsUri) -> None:
    assert restore_uri(str(uri)) == uri
