"""How an error of Cloud Storage's own is written by its two APIs."""

import json
from xml.etree import ElementTree

from cloud.emulator.rest.errors import ErrorStyle, error_response
from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument, NotFound


class Held(StorageFault, NotFound):
    reason, xml_code, xml_message = "held", "ObjectUnderHold", "It is held."
    elements = {"Until": "<tomorrow>"}  # noqa: RUF012 - the type is declared in the base class


def children(error):
    answer = error_response(error, ErrorStyle.XML)
    return answer.status, {child.tag: child.text for child in ElementTree.fromstring(answer.body)}  # noqa: S314 - our own


def test_an_error_has_its_own_name_in_both_apis():
    error = Held("b/o is held")
    assert json.loads(error_response(error).body)["error"]["errors"][0]["reason"] == "held"
    expected = {"Code": "ObjectUnderHold", "Message": "It is held.", "Details": "b/o is held", "Until": "<tomorrow>"}
    assert children(error) == (404, expected)


def test_every_400_of_the_xml_api_has_details():
    status, found = children(InvalidArgument("no such thing"))
    assert (status, found["Code"], found["Details"]) == (400, "InvalidArgument", "no such thing")
