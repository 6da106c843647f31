"""XML bodies of the XML API: requests read without trust, responses written."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import quote
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from aiohttp import web

from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument

LISTED = "http://doc.s3.amazonaws.com/2006-03-01"
"""The namespace of lists of objects, and of copies."""
MULTIPART = "http://s3.amazonaws.com/doc/2006-03-01/"
"""That of multipart uploads: Google's Python client finds nothing in another."""
LONGEST = 8 << 20
"""Bytes of a request: 10,000 parts, or 1,000 long names."""


class MalformedXml(StorageFault, InvalidArgument):
    xml_code = "MalformedXML"
    xml_message = "The XML you provided was not well-formed or did not validate against our published schema."


def parse_document(body: bytes, root: str) -> Element:
    """The document, its elements without namespaces.

    Args:
        root: the name of its outermost element.

    Raises:
        MalformedXml: it is another, no XML, or not in UTF-8.
    """
    try:
        text = body.decode()
        if "<!DOCTYPE" in text:  # entities that multiply
            raise MalformedXml("A document type declaration is not accepted.")
        document = fromstring(text)  # noqa: S314 - without a declaration there are no entities
    except (ParseError, UnicodeDecodeError, ValueError) as error:
        raise MalformedXml(f"The body is no XML: {error}") from None
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    if document.tag != root:
        raise MalformedXml(f"The body is a <{document.tag[:100]}>, not a <{root}>.")
    return document


def name_encoding(kind: str | None) -> Callable[[str], str]:
    """How names are written.

    Args:
        kind: ``encoding-type`` of the request; None: as they are.

    Raises:
        InvalidArgument: it is not ``url``.
    """
    if not kind:
        return str
    if kind != "url":
        raise InvalidArgument(f"url, not {kind[:100]!r}", field="encoding-type")
    return partial(quote, safe="/")


def new_document(name: str, namespace: str, **texts: str) -> Element:
    root = Element(name, xmlns=namespace)
    add(root, **texts)
    return root


def add(parent: Element, **texts: str) -> None:
    """Append an element for each text."""
    for name, text in texts.items():
        SubElement(parent, name).text = text


def add_child(parent: Element, name: str, **texts: str) -> None:
    """Append an element that has an element for each text."""
    add(SubElement(parent, name), **texts)


def document_answer(root: Element, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    body = tostring(root, "UTF-8", xml_declaration=True, short_empty_elements=False)
    # Google's client for Node reads text only from what is called text.
    return web.Response(body=body, headers=headers, content_type="text/xml", charset="utf-8")
