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
