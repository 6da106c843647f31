"""Values of a bucket's fields that are no use are refused."""

import pytest

from cloud.emulator.storage_v1.bucket_rules import check_labels, check_location, check_settings, location_type
from cloud.errors import InvalidArgument

TWO = {"customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]}}


@pytest.mark.parametrize(
    ("location", "settings", "kind"),
    [
        ("US", {}, "multi-region"),
        ("eu", {}, "multi-region"),
        ("NAM4", {}, "dual-region"),
        ("us-central1", {}, "region"),
        ("NORTHAMERICA-NORTHEAST2", {}, "region"),
        ("me-central2", {}, "region"),
        ("US", TWO, "dual-region"),
        ("CA", TWO, "dual-region"),
    ],
)
def test_locations(location, settings, kind):
    check_location(location, settings)
    assert location_type(location.upper(), settings) == kind


@pytest.mark.parametrize(
    ("location", "settings", "field"),
    [
        ("MOON", {}, "location"),
        ("us-central1-a", {}, "location"),
        ("CA", {}, "location"),
        ("us-central", {}, "location"),
        ("US-EAST1", TWO, "location"),
        ("US", {"customPlacementConfig": {"dataLocations": ["US-EAST1"]}}, "customPlacementConfig.dataLocations"),
        ("US", {"customPlacementConfig": {"dataLocations": ["A", "B"]}}, "customPlacementConfig.dataLocations"),
    ],
)
def test_no_locations(location, settings, field):
    with pytest.raises(InvalidArgument) as caught:
        check_location(location, settings)
    assert caught.value.field == field


def test_labels():
    check_labels({"a": "", "team-1_x": "0-_", "clé": "ü", "k" * 63: "v" * 63})
    check_labels({f"k{number}": "v" for number in range(64)})


@pytest.mark.parametrize(
    "labels",
    [
        {"A": "b"},
        {"1a": "b"},
        {"": "b"},
        {"a b": "b"},
        {"k" * 64: "v"},
        {"a": "B"},
        {"a": "v" * 64},
        {"a": "b c"},
        {f"k{number}": "v" for number in range(65)},
    ],
)
def test_bad_labels(labels):
    with pytest.raises(InvalidArgument, match="Invalid user label: "):
        check_labels(labels)


@pytest.mark.parametrize(
    "resource",
    [
        {"rpo": "DEFAULT", "cors": [], "logging": None, "website": {"mainPageSuffix": "index.html"}},
        {"cors": [{"origin": ["*"], "method": ["*"], "maxAgeSeconds": 0}]},
        {"logging": {"logBucket": "my-logs", "logObjectPrefix": "x"}},
        {"autoclass": {"enabled": True, "terminalStorageClass": "ARCHIVE"}},
        {"encryption": {"customerManagedEncryptionEnforcementConfig": {"restrictionMode": "FullyRestricted"}}},
        {"ipFilter": {"mode": "Disabled", "publicNetworkSource": {"allowedIpCidrRanges": ["10.0.0.0/8", "::/0"]}}},
    ],
)
def test_settings(resource):
    check_settings(resource, "US", resource)


@pytest.mark.parametrize(
    ("resource", "field"),
    [
        ({"rpo": "WRONG"}, "rpo"),
        ({"rpo": "ASYNC_TURBO"}, "rpo"),
        ({"autoclass": {"terminalStorageClass": "STANDARD"}}, "autoclass.terminalStorageClass"),
        ({"cors": [{"maxAgeSeconds": -1}]}, "cors.maxAgeSeconds"),
        ({"logging": {"logBucket": "No Bucket"}}, None),
        ({"logging": {"logObjectPrefix": "x"}}, "logging.logObjectPrefix"),
        ({"logging": {"logBucket": "my-logs", "logObjectPrefix": "x" * 901}}, "logging.logObjectPrefix"),
        ({"ipFilter": {"mode": "x"}}, "ipFilter.mode"),
        ({"ipFilter": {"vpcNetworkSources": [{"allowedIpCidrRanges": ["x"]}]}}, "ipFilter.allowedIpCidrRanges"),
        (
            {"encryption": {"googleManagedEncryptionEnforcementConfig": {"restrictionMode": "x"}}},
            "encryption.googleManagedEncryptionEnforcementConfig.restrictionMode",
        ),
    ],
)
def test_bad_settings(resource, field):
    with pytest.raises(InvalidArgument) as caught:
        check_settings(resource, "US", resource)
    assert field in (None, caught.value.field)


def test_turbo_replication_is_for_dual_regions():
    check_settings({"rpo": "ASYNC_TURBO"}, "NAM4", {})
    check_settings({"rpo": "ASYNC_TURBO"}, "US", TWO)
