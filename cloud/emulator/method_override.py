"""Requests that are sent as POST and mean something else, as ``X-HTTP-Method-Override`` says.

Google's front end takes them for every method. google-api-python-client sends each GET so whose address is longer than
2,048 characters, its query as a form in the body; clients whose HTTP library knows no PATCH send those so
(https://cloud.google.com/java/docs/reference/google-api-client/latest/com.google.api.client.googleapis).
"""

import dataclasses

from aiohttp import hdrs, web
from yarl import URL

from cloud.emulator.whole import WholeRequest
from cloud.errors import InvalidArgument

_FORM = "application/x-www-form-urlencoded"


async def meant(request: web.Request) -> web.Request:
    """What ``request`` stands for; itself, nearly always.

    Raises:
        InvalidArgument: its query is not of ASCII.
    """
    method = _method(request)
    if method is None:
        return request
    # A clone of one that was read could not be made: so it is another clone that is read.
    url = _with_query(request.rel_url, await request.clone().read()) if _is_form(request) else request.rel_url
    return request.clone(method=method, rel_url=url)


def meant_whole(request: WholeRequest) -> WholeRequest:
    """The same of a request that came whole."""
    method = _method(request)
    if method is None:
        return request
    if not _is_form(request):
        return dataclasses.replace(request, method=method)
    return dataclasses.replace(
        request, method=method, rel_url=_with_query(request.rel_url, request.content), content=b""
    )


def _method(request: web.Request | WholeRequest) -> str | None:
    method = request.headers.get("X-HTTP-Method-Override") if request.method == "POST" else None
    return method.upper() if method else None


def _is_form(request: web.Request | WholeRequest) -> bool:
    return request.headers.get(hdrs.CONTENT_TYPE, "").lower().startswith(_FORM)


def _with_query(url: URL, form: bytes) -> URL:
    if not form.isascii():
        raise InvalidArgument("a form of ASCII is expected", field="body")
    query = "&".join(filter(None, (url.raw_query_string, form.decode())))
    return URL.build(path=url.raw_path, query_string=query, encoded=True)
