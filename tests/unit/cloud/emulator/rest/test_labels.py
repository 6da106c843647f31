import pytest

from cloud.emulator.rest.labels import check_labels
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"team": "a", "cost-center_7": "", "a" * 63: "b" * 63},
        {"7": "7", "goog-pipeline": "x"},
        {"größe": "ñandú", "標籤": "値"},
        {str(number): "" for number in range(64)},
    ],
)
def test_labels_of_googles_form_are_accepted(labels):
    check_labels(labels, "endpoint.labels")


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({"Team": "a"}, "No such key is 'Team'."),
        ({"a": "x.y"}, "No such value is 'x.y', of 'a'."),
        ({"": "x"}, "No such key is ''."),
        ({"_a": "x"}, "No such key is '_a'."),
        ({"-": "x"}, "No such key is '-'."),
        ({"a b": "x"}, "No such key is 'a b'."),
        ({"a": "x" * 64}, "No such value is"),
        ({"a" * 64: ""}, "No such key is"),
        ({"aiplatform.googleapis.com/x": ""}, "No such key is"),
        ({"a": "Ünï"}, "No such value is 'Ünï'"),
        ({"a": "値" * 43}, "No such value is"),
        ({"a": "\ud800"}, "No such value is"),
        ({"a": "line\n"}, "No such value is"),
        ({str(number): "" for number in range(65)}, "These are 65."),
    ],
)
def test_other_labels_are_refused_with_the_rule_and_what_breaks_it(labels, named):
    with pytest.raises(InvalidArgument) as caught:
        check_labels(labels, "endpoint.labels")
    assert caught.value.field == "endpoint.labels"
    assert "can only contain lowercase letters, numbers, dashes and underscores" in caught.value.message
    assert named in caught.value.message
