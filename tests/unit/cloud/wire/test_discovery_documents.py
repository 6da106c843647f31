"""Discovery documents of google-api-python-client."""

import importlib.util
import json
import sys

import pytest

from cloud.errors import FailedPrecondition
from cloud.wire.discovery_documents import read_document


def test_a_document_is_the_one_of_its_name() -> None:
    document = json.loads(read_document("ml.v1"))
    assert document["id"] == "ml:v1"
    assert document["rootUrl"] == "https://ml.googleapis.com/"


def test_a_document_is_read_without_the_library() -> None:
    loaded = "googleapiclient" in sys.modules
    read_document("logging.v2")
    assert ("googleapiclient" in sys.modules) == loaded


@pytest.mark.parametrize("name", ["ml.v99", "", "../documents/ml.v1/x"])
def test_a_document_that_does_not_exist(name: str) -> None:
    with pytest.raises(FailedPrecondition, match="install google-api-python-client"):
        read_document(name)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FailedPrecondition, match=r"no discovery document ml\.v1: install google-api-python-client"):
        read_document("ml.v1")
