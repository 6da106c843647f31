import pytest
from aiohttp.test_utils import make_mocked_request

from cloud.emulator.storage_v1.call import Call, parse_object
from cloud.emulator.storage_v1.xml import bucket_of_host
from cloud.engine.principal import ANONYMOUS
from cloud.engine.storage.preconditions import Preconditions
from cloud.errors import InvalidArgument


def a_call(query="", **headers):
    return Call(make_mocked_request("GET", f"/storage/v1/b?{query}", headers=headers), ANONYMOUS, {})


def test_parameters():
    call = a_call("ifGenerationMatch=0&ifSourceMetagenerationNotMatch=3&flag=TRUE&max=12")
    assert call.conditions() == Preconditions(generation_match=0)
    assert call.conditions("Source") == Preconditions(metageneration_not_match=3)
    assert (call.flag("flag"), call.flag("other")) == (True, False)
    assert (call.integer("max"), call.integer("min")) == (12, None)
    for text in ("x", "-1", "", "1.5", "٣", "9" * 20):
        with pytest.raises(InvalidArgument, match="max"):
            a_call(f"max={text}").integer("max")
        with pytest.raises(InvalidArgument, match="integer"):
            a_call(**{"X-Goog-If-Generation-Match": text}).header_conditions()


def test_conditions_in_headers():
    call = a_call(**{"X-Goog-If-Generation-Not-Match": "7", "X-Goog-If-Metageneration-Match": "2"})
    assert call.header_conditions() == Preconditions(generation_not_match=7, metageneration_match=2)


def test_addresses_are_the_callers():
    assert a_call(Host="127.0.0.1:81").base_url == "http://127.0.0.1:81"
    https = {"Host": "www.googleapis.com", "X-Forwarded-Proto": "https"}
    assert a_call(**https).base_url == "https://www.googleapis.com"


def test_hosts_of_buckets():
    assert bucket_of_host("my.bkt.storage.googleapis.com:443") == "my.bkt"
    assert bucket_of_host("storage.googleapis.com") is None
    assert bucket_of_host("127.0.0.1:80") is None


def test_bodies_are_objects():
    assert parse_object(b" ") == {}
    assert parse_object(b'{"a": 1}') == {"a": 1}
    for body in (b"[]", b"1", b"{", b"\xff", b"nul"):
        with pytest.raises(InvalidArgument, match="Parse Error"):
            parse_object(body)
