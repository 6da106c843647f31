"""Specifications of versions: an illegal one names the field."""

import pytest

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import VersionSpec


@pytest.mark.parametrize(("model", "name", "field"), [("my-model", "v1", "model.name"), ("m", "1", "version.name")])
def test_an_illegal_version_cannot_be_constructed(model: str, name: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        VersionSpec(model, name, GsUri("bucket", "x"))
    assert caught.value.field == field
