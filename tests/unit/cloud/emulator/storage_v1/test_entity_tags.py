"""Conditional requests by ETag and by time."""

from datetime import UTC, datetime

import pytest

from cloud.emulator.storage_v1.entity_tags import check_tag, check_time
from cloud.engine.storage.preconditions import ConditionNotMet, NotModified
from emulator_api.clients import received

CHANGED = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
THEN, BEFORE = "Wed, 04 Mar 2026 05:06:07 GMT", "Wed, 04 Mar 2026 05:06:06 GMT"


@pytest.mark.parametrize("tags", ["CAE=", '"CAE="', 'W/"CAE="', "x, CAE=", '"x", "CAE="', "*", " * "])
@pytest.mark.parametrize("tag", ["CAE=", '"CAE="'])
async def test_matching_tags(tags, tag):
    check_tag(await received("GET", "/", {"If-Match": tags}), tag)
    with pytest.raises(NotModified):
        check_tag(await received("GET", "/", {"If-None-Match": tags}), tag)


@pytest.mark.parametrize("tags", ["", "CAE", '"CAE=x"', "x, y", '"CAE=, x"'])
async def test_other_tags(tags):
    check_tag(await received("GET", "/", {"If-None-Match": tags}), "CAE=")
    with pytest.raises(ConditionNotMet):
        check_tag(await received("GET", "/", {"If-Match": tags}), "CAE=")


@pytest.mark.parametrize(
    ("headers", "raised"),
    [
        ({}, None),
        ({"If-Modified-Since": THEN}, NotModified),
        ({"If-Modified-Since": BEFORE}, None),
        ({"If-Modified-Since": THEN, "If-None-Match": "x"}, None),
        ({"If-Modified-Since": "yesterday"}, None),
        ({"If-Modified-Since": "Wed, 04 Mar 2026 05:06:07 -0000"}, NotModified),
        ({"If-Unmodified-Since": THEN}, None),
        ({"If-Unmodified-Since": BEFORE}, ConditionNotMet),
        ({"If-Unmodified-Since": BEFORE, "If-Match": "*"}, None),
    ],
)
async def test_times(headers, raised):
    request = await received("GET", "/", headers)
    if raised is None:
        check_time(request, CHANGED)
    else:
        with pytest.raises(raised):
            check_time(request, CHANGED)
