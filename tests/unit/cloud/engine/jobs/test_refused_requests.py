from cloud.engine.jobs.refused_requests import MOST_KINDS, RefusedRequests


def test_what_is_repeated_is_written_ever_less_often():
    lines: list[str] = []
    refused = RefusedRequests(lines.append)
    for _ in range(10_000):
        refused.add("refused: example.com:443")
    assert lines[:3] == [f"refused: example.com:443{count}" for count in ("", ", 2 times", ", 4 times")]
    assert len(lines) == 14


def test_kinds_without_end_are_counted_together():
    lines: list[str] = []
    refused = RefusedRequests(lines.append)
    for number in range(10_000):
        refused.add(f"refused: {number}")
    assert lines[: MOST_KINDS + 1] == [
        *(f"refused: {number}" for number in range(MOST_KINDS)),
        "further requests of other kinds were refused",
    ]
    assert len(lines) < MOST_KINDS + 20


def test_a_host_asked_for_in_vain_is_in_one_line_a_minute():
    lines: list[str] = []
    now = 0.0
    refused = RefusedRequests(lines.append, lambda: now)
    for second in range(130):
        now = float(second)
        refused.add(f"refused: no BigQuery, {second}", "bigquery.googleapis.com")
        refused.add("refused: no Pub/Sub", "pubsub.googleapis.com")
    assert [line for line in lines if "BigQuery" in line] == [
        "refused: no BigQuery, 0",
        "refused: no BigQuery, 60, 61 times",
        "refused: no BigQuery, 120, 121 times",
    ]
    assert len(lines) == 6


def test_hosts_without_end_are_counted_together():
    lines: list[str] = []
    refused = RefusedRequests(lines.append, lambda: 0.0)
    for number in range(10_000):
        refused.add(f"refused: {number}", f"{number}.googleapis.com")
    assert len(lines) < MOST_KINDS + 20
