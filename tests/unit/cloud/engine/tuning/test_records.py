"""Records of trials."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.tuning.records import TrialRecords
from cloud.lifecycle import JobState
from cloud.resources.trials import Measurement, Trial
from full_disk import files_of_at_most

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
WHOLE = Trial(
    "2",
    JobState.SUCCEEDED,
    {"rate": 0.1, "layers": 3, "kind": "deep"},
    NOW,
    NOW,
    Measurement(2, 1.5, {"loss": 0.5}),
    (Measurement(1, 0.5, {"loss": float("inf")}), Measurement(2, 1.5, {"loss": 0.5})),
    stopped_early=True,
)
BARE = Trial("10", JobState.QUEUED, {})


def test_trials_are_read_as_they_were_written_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    records = TrialRecords(tmp_path / "trials.sqlite")
    for trial in (BARE, WHOLE):
        records.put("one", trial)
    records.put("other", replace(BARE, infeasible_reason="out of luck"))
    records.close()
    records = TrialRecords(tmp_path / "trials.sqlite")
    assert records.of("one") == (WHOLE, BARE)
    assert records.of("none") == ()
    records.put("one", replace(BARE, state=JobState.RUNNING))
    assert [trial.state for trial in records.of("one")] == [JobState.SUCCEEDED, JobState.RUNNING]
    records.close()


def test_on_a_full_disk_trials_are_kept_until_they_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    records = TrialRecords(path)
    long = replace(WHOLE, infeasible_reason="x" * 100_000)
    with files_of_at_most(8192):
        records.put("one", long)
        assert records.of("one") == (long,)
    records.close()
    records = TrialRecords(path)
    assert records.of("one") == (long,)
    records.close()
