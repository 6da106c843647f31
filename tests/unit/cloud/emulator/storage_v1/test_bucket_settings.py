"""Fields of a bucket that have no effect are stored."""

from cloud.emulator.storage_v1.bucket_settings import settings_from_json

RULES = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]}


def test_settings_are_stored_changed_and_removed():
    stored = settings_from_json({"lifecycle": RULES, "cors": [{"origin": ["*"]}], "name": "bkt", "rpo": "DEFAULT"}, {})
    assert stored == {"lifecycle": RULES, "cors": [{"origin": ["*"]}], "rpo": "DEFAULT"}
    assert settings_from_json({"labels": {}}, stored) == stored
    assert settings_from_json({"cors": [], "rpo": None, "lifecycle": {"rule": []}}, stored) == {
        "cors": [],
        "lifecycle": {"rule": []},
    }


def test_objects_are_merged():
    current = {"website": {"mainPageSuffix": "index.html", "notFoundPage": "404.html"}}
    assert settings_from_json({"website": {"notFoundPage": None, "x": "y"}}, current) == {
        "website": {"mainPageSuffix": "index.html", "x": "y"}
    }
