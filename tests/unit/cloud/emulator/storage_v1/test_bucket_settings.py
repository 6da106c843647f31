"""Fields of a bucket that are stored, and the times that the server adds."""

from cloud.emulator.storage_v1.bucket_settings import settings_from_json

EARLIER, NOW = "2026-01-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z"
WEBSITE = {"mainPageSuffix": "index.html", "notFoundPage": "404.html"}


def test_settings_are_stored_changed_and_removed():
    stored = settings_from_json(
        {"website": WEBSITE, "cors": [{"origin": ["*"]}], "name": "bkt", "rpo": "DEFAULT"}, {}, NOW
    )
    assert stored == {"website": WEBSITE, "cors": [{"origin": ["*"]}], "rpo": "DEFAULT"}
    assert settings_from_json({"labels": {}}, stored, NOW) == stored
    assert settings_from_json({"cors": [], "rpo": None, "website": None}, stored, NOW) == {}
    rules = settings_from_json(
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]}}, {}, NOW
    )
    assert settings_from_json({"lifecycle": {"rule": []}}, rules, NOW) == {}


def test_objects_are_merged():
    assert settings_from_json({"website": {"notFoundPage": None, "x": "y"}}, {"website": WEBSITE}, NOW) == {
        "website": {"mainPageSuffix": "index.html", "x": "y"}
    }


def test_autoclass_tells_when_it_was_switched():
    def change(current, **given):
        return settings_from_json({"autoclass": given}, {"autoclass": current} if current else {}, NOW)["autoclass"]

    since = {"toggleTime": NOW, "terminalStorageClass": "NEARLINE", "terminalStorageClassUpdateTime": NOW}
    assert change(None, enabled=True, toggleTime="of the client") == {"enabled": True, **since}
    before = {"enabled": True, **dict.fromkeys(("toggleTime", "terminalStorageClassUpdateTime"), EARLIER)}
    before |= {"terminalStorageClass": "NEARLINE"}
    assert change(before, enabled=True) == before
    changed = {"terminalStorageClass": "ARCHIVE", "terminalStorageClassUpdateTime": NOW}
    assert change(before, terminalStorageClass="ARCHIVE") == before | changed
    assert change(before, enabled=False) == {"enabled": False, "toggleTime": NOW}
    assert change(None, enabled=False) == {"enabled": False, "toggleTime": NOW}


def test_restrictions_of_encryption_tell_since_when_they_hold():
    name = "googleManagedEncryptionEnforcementConfig"

    def change(current, **given):
        stored = {"encryption": current} if current else {}
        return settings_from_json({"encryption": {name: given}}, stored, NOW)["encryption"]

    restricted = {name: {"restrictionMode": "FullyRestricted", "effectiveTime": EARLIER}}
    assert change(None, restrictionMode="NotRestricted") == {name: {"restrictionMode": "NotRestricted"}}
    assert change(None, restrictionMode="FullyRestricted")[name]["effectiveTime"] == NOW
    assert change(restricted, restrictionMode="FullyRestricted") == restricted
    assert change(restricted, restrictionMode="NotRestricted") == {name: {"restrictionMode": "NotRestricted"}}
    assert settings_from_json({"encryption": {name: None}}, {"encryption": restricted}, NOW) == {}


def test_regions_of_a_placement_are_in_capitals():
    given = {"customPlacementConfig": {"dataLocations": ["us-east1", "US-WEST1"]}}
    assert settings_from_json(given, {}, NOW) == {"customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]}}


def test_autoclass_as_earlier_versions_stored_it_gets_times():
    for given in ({"labels": {}}, {"autoclass": {"enabled": True}}):
        stored = settings_from_json(given, {"autoclass": {"enabled": True, "terminalStorageClass": "NEARLINE"}}, NOW)
        assert (stored["autoclass"]["toggleTime"], stored["autoclass"]["terminalStorageClassUpdateTime"]) == (NOW, NOW)
    assert (
        settings_from_json({}, {"autoclass": {"terminalStorageClass": "ARCHIVE"}}, NOW)["autoclass"]["enabled"] is False
    )
