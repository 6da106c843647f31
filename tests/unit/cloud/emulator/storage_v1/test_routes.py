from unittest import mock
from urllib.parse import quote

import pytest

from cloud.emulator.storage_v1.bucket_host import bucket_of_host
from cloud.emulator.storage_v1.call import Call
from cloud.engine.principal import ANONYMOUS
from cloud.engine.storage.preconditions import Preconditions
from cloud.errors import InvalidArgument
from emulator_api.clients import received


async def a_call(query="", is_xml=False, **headers):
    request = await received("GET", f"/storage/v1/b?{query}", headers)
    return Call(request, ANONYMOUS, mock.Mock(), {}, "storage.buckets.list", is_xml)


async def test_parameters():
    call = await a_call("ifGenerationMatch=0&ifSourceMetagenerationNotMatch=3&flag=TRUE&max=12")
    assert call.conditions() == Preconditions(generation_match=0)
    assert call.conditions("Source") == Preconditions(metageneration_not_match=3)
    assert (call.flag("flag"), call.flag("other")) == (True, False)
    assert (call.integer("max"), call.integer("min")) == (12, None)
    for text in ("x", "-1", "", "1.5", "٣", "9" * 20):
        call = await a_call(f"max={quote(text)}")
        with pytest.raises(InvalidArgument, match="max"):
            call.integer("max")


async def test_conditions_in_headers():
    call = await a_call(is_xml=True, **{"X-Goog-If-Generation-Not-Match": "7", "X-Goog-If-Metageneration-Match": "2"})
    assert call.conditions() == Preconditions(generation_not_match=7, metageneration_match=2)
    for text in ("x", "-1", "1.5", "9" * 20):
        call = await a_call(is_xml=True, **{"X-Goog-If-Generation-Match": text})
        with pytest.raises(InvalidArgument, match="integer"):
            call.conditions()


async def test_addresses_are_the_callers():
    assert (await a_call(Host="127.0.0.1:81")).base_url == "http://127.0.0.1:81"
    https = {"Host": "www.googleapis.com", "X-Forwarded-Proto": "https"}
    assert (await a_call(**https)).base_url == "https://www.googleapis.com"


def test_hosts_of_buckets():
    assert bucket_of_host("my.bkt.storage.googleapis.com:443") == "my.bkt"
    assert bucket_of_host("storage.googleapis.com") is None
    assert bucket_of_host("127.0.0.1:80") is None
