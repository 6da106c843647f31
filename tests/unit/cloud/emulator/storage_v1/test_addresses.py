"""The JSON API's addresses, as clients write them."""

import pytest

from cloud.emulator.rest.errors import ErrorStyle
from cloud.emulator.storage_v1.addresses import error_style, json_path
from emulator_api.clients import received


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/b", "/storage/v1/b"),
        ("/b/my-bucket/o/a%2Fb%2F", "/storage/v1/b/my-bucket/o/a%2Fb%2F"),
        ("/storage/v1/b/my-bucket/", "/storage/v1/b/my-bucket"),
        ("/storage/v1/b/my-bucket/o/", "/storage/v1/b/my-bucket/o/"),
        ("/b/my-bucket/o/o/acl/", "/storage/v1/b/my-bucket/o/o/acl"),
        ("//upload/storage/v1/b/my-bucket/o", "/upload/storage/v1/b/my-bucket/o"),
        ("/resumable/upload/storage/v1/b/my-bucket/o", "/upload/storage/v1/b/my-bucket/o"),
        ("/download/storage/v1/b/my-bucket/o/o", "/download/storage/v1/b/my-bucket/o/o"),
        ("/projects/p/hmacKeys/K", "/storage/v1/projects/p/hmacKeys/K"),
        ("/my-bucket/b/o", None),
        ("/bbb/o", None),
        ("/projects/p/other", None),
        ("/storage/v1beta/b", None),
    ],
)
def test_addresses(written, meant):
    assert json_path(written) == meant


@pytest.mark.parametrize(
    ("target", "style"),
    [
        ("/storage/v1/b/b/o/o?alt=media", ErrorStyle.TEXT),
        ("//download/storage/v1/b/b/o/o", ErrorStyle.TEXT),
        ("/storage/v1/b/b/o/o?alt=json", ErrorStyle.STORAGE),
    ],
)
async def test_errors_of_downloads_have_a_style_of_their_own(target, style):
    request = await received("GET", target)
    assert error_style(ErrorStyle.STORAGE, request) is style
    assert error_style(ErrorStyle.XML, request) is ErrorStyle.XML
