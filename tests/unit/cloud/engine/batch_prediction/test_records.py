from cloud.engine.batch_prediction.records import CountRecords
from cloud.names import GsUri
from cloud.resources import PredictionCounts


def test_counts_survive_a_restart(tmp_path):
    counts = PredictionCounts(5, 3, GsUri("bucket", "out"), ("Cannot read gs://bucket/a: truncated record at 0",))
    records = CountRecords(tmp_path / "predictions.sqlite")
    records.put("job", PredictionCounts())
    records.put("job", counts)
    records.put("bare", PredictionCounts())
    records.close()
    again = CountRecords(tmp_path / "predictions.sqlite")
    assert again.get("job") == counts
    assert again.get("bare") == PredictionCounts()
    assert again.get("none") is None
    again.close()
