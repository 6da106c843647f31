import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.rest.paging import page
from cloud.errors import InvalidArgument


def walk(items, size, change=lambda items: items):
    seen, token = [], ""
    while True:
        shown, token = page(items, str, {"pageSize": size, "pageToken": token}, "list")
        assert len(shown) <= (size or 20)
        seen += shown
        if not token:
            return seen
        items = change(items)


@given(st.sets(st.text(max_size=3), max_size=30), st.integers(0, 7))
def test_the_pages_are_the_list(items, size):
    assert walk(sorted(items), size) == sorted(items)


def test_an_item_that_goes_meanwhile_takes_no_other_with_it():
    items = [f"{number:02}" for number in range(12)]
    seen = walk(items, 3, lambda items: items[3:])  # what was shown is deleted
    assert seen == items


def test_a_size_has_a_default_and_a_limit():
    items = [str(number) for number in range(200)]
    assert [len(page(items, str, {"pageSize": size}, "")[0]) for size in (0, 1, 100, 101, 2**31 - 1)] == [
        20,
        1,
        100,
        100,
        100,
    ]
    with pytest.raises(InvalidArgument, match="negative"):
        page(items, str, {"pageSize": -1}, "")


@given(st.text(max_size=20))
def test_what_is_no_token(token):
    if token:
        with pytest.raises(InvalidArgument) as caught:
            page(["a"], str, {"pageToken": token}, "list")
        assert caught.value.field == "page_token"
