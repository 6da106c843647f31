from datetime import UTC, datetime

from cloud.emulator.ml_v1.records import Record, Records

THEN, NOW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)


def test_a_record_is_that_of_a_name_and_a_time(tmp_path):
    records = Records(tmp_path / "r.sqlite")
    assert records.get("models/m", THEN) == Record("models/m", THEN)
    written = records.change(records.get("models/m", THEN), {"a": ["b"]})
    records.close()
    records = Records(tmp_path / "r.sqlite")
    assert records.get("models/m", THEN) == written
    assert records.get("models/m", NOW).fields == {}
    records.close()


def test_an_etag_changes_with_each_change_and_a_policys_with_its_own(tmp_path):
    records = Records(tmp_path / "r.sqlite")
    first = records.change(records.get("jobs/j", THEN), {})
    second = records.change(first, {})
    third = records.set_policy(second, {"version": 1})
    assert first.etag != second.etag == third.etag
    assert (second.policy_etag, len({first.policy_etag, third.policy_etag})) == ("ACAB", 2)
    records.close()


def test_what_is_below_goes_with_a_resource(tmp_path):
    records = Records(tmp_path / "r.sqlite")
    for name in ("models/m", "models/m/versions/v", "models/mm", "models/m_/versions/v"):
        records.change(records.get(name, THEN), {"machineType": "n1-standard-2"})
    assert records.any_below("models/m", "machineType", "n1-")
    assert not records.any_below("models/m", "machineType", "mls1-")
    assert not records.any_below("models/mm", "machineType", "n1-")
    records.remove("models/m")
    assert not records.any_below("models/m", "machineType", "n1-")
    assert records.get("models/mm", THEN).fields
    assert records.get("models/m_/versions/v", THEN).fields
    records.close()
