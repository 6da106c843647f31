"""What a bucket says that has no effect is kept."""

import pytest

from cloud.emulator.storage_v1.bucket_settings import settings_from_json
from cloud.errors import InvalidArgument

RULES = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]}


def test_they_are_kept_changed_and_removed():
    kept = settings_from_json({"lifecycle": RULES, "cors": [{"origin": ["*"]}], "name": "bkt", "rpo": "DEFAULT"}, {})
    assert kept == {"lifecycle": RULES, "cors": [{"origin": ["*"]}], "rpo": "DEFAULT"}
    assert settings_from_json({"labels": {}}, kept) == kept
    assert settings_from_json({"cors": [], "rpo": None, "lifecycle": {"rule": []}}, kept) == {
        "cors": [],
        "lifecycle": {"rule": []},
    }


def test_objects_are_merged():
    current = {"website": {"mainPageSuffix": "index.html", "notFoundPage": "404.html"}}
    assert settings_from_json({"website": {"notFoundPage": None, "x": "y"}}, current) == {
        "website": {"mainPageSuffix": "index.html", "x": "y"}
    }


@pytest.mark.parametrize("resource", [{"lifecycle": []}, {"cors": {}}, {"rpo": 1}, {"website": "x"}])
def test_what_has_another_form_is_refused(resource):
    [field] = resource
    with pytest.raises(InvalidArgument) as caught:
        settings_from_json(resource, {})
    assert caught.value.field == field
