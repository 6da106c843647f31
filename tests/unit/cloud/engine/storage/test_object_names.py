import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.object_names import decode, encode, encode_prefix

# Characters with a meaning in file systems, URLs or the encoding itself, mixed with arbitrary text.
NAMES = st.one_of(
    st.text(st.sampled_from("aAbB./\\%$+-_2f~ é\u0301ß\U0001f600"), min_size=1, max_size=400),
    st.text(min_size=1, max_size=300),
    st.text(st.sampled_from("/."), min_size=1, max_size=1024),
).filter(lambda name: len(name.encode()) <= 1024)


@given(NAMES)
def test_round_trip(name):
    assert decode(encode(name)) == name


@given(NAMES)
def test_every_component_is_safe_on_every_file_system(name):
    for component in encode(name).split("/"):
        assert component not in ("", ".", "..")
        assert not component.startswith(".")
        # Leaves room for the token that makes a key unique.
        assert len(component.encode()) <= 255 - 32
        assert component.isascii()
        assert component == component.lower()


@given(NAMES, NAMES)
def test_different_names_differ_even_if_case_is_folded(one, other):
    assert (encode(one).lower() == encode(other).lower()) == (one == other)


@given(NAMES, NAMES)
def test_no_key_is_a_folder_of_another(one, other):
    """``a`` and ``a/b`` can both exist."""
    if one != other:
        assert not encode(other).startswith(encode(one))


@given(NAMES, NAMES, st.integers(0, 1024))
def test_prefixes_stay_prefixes(name, other, cut):
    for prefix in (name[:cut], other):
        assert encode(name).startswith(encode_prefix(prefix)) == name.startswith(prefix)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("data/taxi-train.csv", "data%2f/taxi-train.csv$"),
        ("../../etc", "%2e.%2f/%2e.%2f/etc$"),
        ("a", "a$"),
        ("a/b", "a%2f/b$"),
        ("dir/", "dir%2f/$"),
        ("a/../q", "a%2f/%2e.%2f/q$"),
        ("A", "%41$"),
        ("x.metadata", "x.metadata$"),
        ("a" * 181, "a" * 180 + "+/a$"),
    ],
)
def test_examples(name, key):
    assert encode(name) == key


@given(st.text(st.sampled_from("ab/%2f+$.")))
def test_only_keys_are_decoded(text):
    try:
        name = decode(text)
    except ValueError:
        return
    assert encode(name) == text


def test_names_in_different_unicode_forms_differ():
    assert encode("\u00e9") != encode("e\u0301")
