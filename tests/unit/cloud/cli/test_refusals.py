from cloud.cli.refusals import refused_line, tally
from cloud.gateway.listener import Refusal


def test_a_host_and_a_method_are_told_apart():
    assert refused_line(Refusal("bigquery.googleapis.com", 443, 1)) == (
        "refused: bigquery.googleapis.com:443 is not emulated here"
    )
    assert refused_line(Refusal("ml.googleapis.com", 443, 2, "ml.projects.locations.studies.list")) == (
        "refused: ml.projects.locations.studies.list (ml.googleapis.com) is not emulated here, 2 times"
    )


def test_a_tally_begins_with_the_most_frequent_and_has_an_end():
    assert tally([]) == ""
    assert tally([Refusal("a", 443, 1), Refusal("b", 80, 3)]) == "Asked for in vain: b:80 (3 times), a:443 (once)"
    many = tally([Refusal(f"h{number}", 443, 1) for number in range(100)])
    assert many.endswith(", h19:443 (once), and 80 more")
