"""The errors of multipart uploads, by the names of the XML API.

https://cloud.google.com/storage/docs/xml-api/reference-status; the texts of ``NoSuchUpload`` and
``InvalidPart`` are those that Google's Java client expects (java-storage, ``ITMultipartUploadClientTest``).
"""

from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument, NotFound


class NoSuchUpload(StorageFault, NotFound):
    """Its id is unknown, or it was completed or aborted."""

    xml_code, xml_message = "NoSuchUpload", "The requested upload was not found."


class InvalidPart(StorageFault, InvalidArgument):
    """A part that is named at completion was not uploaded, or with another ETag."""

    xml_code, xml_message = "InvalidPart", "The requested upload part was not found."


class InvalidPartOrder(StorageFault, InvalidArgument):
    xml_code = "InvalidPartOrder"
    xml_message = "The list of parts was not in ascending order. Parts must be listed in order of their numbers."


class EntityTooSmall(StorageFault, InvalidArgument):
    xml_code, xml_message = "EntityTooSmall", "Your proposed upload is smaller than the minimum object size."


class EntityTooLarge(StorageFault, InvalidArgument):
    xml_code, xml_message = "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size."


class MalformedCompletion(StorageFault, InvalidArgument):
    """The list of parts is empty, or cannot be read."""

    xml_code = "MalformedCompleteMultipartUploadRequest"
    xml_message = "The XML you provided was not well-formed or did not validate against our published schema."
