from datetime import UTC, datetime

from cloud.emulator.aiplatform_v1.records import MIGRATIONS as VERTEX
from cloud.emulator.ml_v1.records import MIGRATIONS
from cloud.emulator.rest.records import Record, Records
from cloud.engine.database import open_database

THEN, NOW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)


def test_a_record_is_that_of_a_name_and_a_time(tmp_path):
    records = Records(tmp_path / "r.sqlite", MIGRATIONS)
    assert records.of("models/m", THEN) == Record("models/m", THEN)
    written = records.change(records.of("models/m", THEN), {"a": ["b"]})
    records.close()
    records = Records(tmp_path / "r.sqlite", MIGRATIONS)
    assert records.of("models/m", THEN) == written
    assert records.of("models/m", NOW).fields == {}
    records.close()


def test_an_etag_changes_with_each_change_and_a_policys_with_its_own(tmp_path):
    records = Records(tmp_path / "r.sqlite", MIGRATIONS)
    first = records.change(records.of("jobs/j", THEN), {})
    second = records.change(first, {})
    third = records.set_policy(second, {"version": 1})
    assert first.etag != second.etag == third.etag
    assert (second.policy_etag, len({first.policy_etag, third.policy_etag})) == ("ACAB", 2)
    records.close()


def test_what_is_below_goes_with_a_resource(tmp_path):
    records = Records(tmp_path / "r.sqlite", MIGRATIONS)
    for name in ("models/m", "models/m/versions/v", "models/mm", "models/m_/versions/v"):
        records.change(records.of(name, THEN), {"machineType": "n1-standard-2"})
    assert records.any_below("models/m", "machineType", "n1-")
    assert not records.any_below("models/m", "machineType", "mls1-")
    assert not records.any_below("models/mm", "machineType", "n1-")
    records.remove("models/m")
    assert not records.any_below("models/m", "machineType", "n1-")
    assert records.of("models/mm", THEN).fields
    assert records.of("models/m_/versions/v", THEN).fields
    records.close()


def test_records_of_the_format_before_are_kept(tmp_path):
    path = tmp_path / "r.sqlite"
    earlier = open_database(path, MIGRATIONS[:1])
    rows = [("jobs/j", 3, '{"labels": {"a": "b"}}', 2, '{"bindings": []}'), ("models/m/versions/v", 1, "{}", 0, "{}")]
    for name, revision, fields, policy_revision, policy in rows:
        values = (name, THEN.isoformat(), revision, fields, policy_revision, policy)
        earlier.execute("INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?)", values)
    earlier.execute("INSERT INTO intents VALUES ('jobs/k', '{}')")
    earlier.close()
    records = Records(path, MIGRATIONS)
    job = records.of("jobs/j", THEN)
    assert (job.fields, job.revision, job.policy, job.policy_revision) == (
        {"labels": {"a": "b"}}, 3, {"bindings": []}, 2,
    )  # fmt: skip
    assert [record.name for record in records.below("models/m/versions")] == ["models/m/versions/v"]
    assert records.intents() == {"jobs/k": {}}
    records.close()


def test_a_collection_is_read_in_parts_newest_first(tmp_path):
    records = Records(tmp_path / "r.sqlite", VERTEX)
    for number in range(5):
        records.add(f"locations/l/models/{number}", {})
    records.add("locations/l/models/1@1", {})
    first = records.below("locations/l/models", limit=2)
    rest = records.below("locations/l/models", before=first[-1].sequence)
    assert [record.id for record in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    records.remove("locations/l/models/1")
    assert records.below("locations/l/models/1@") == []
    records.close()
