"""Requests that are sent as POST and mean something else, as ``X-HTTP-Method-Override`` says.

Google's front end takes them for every method. google-api-python-client sends each GET so whose address is longer than
2,048 characters, its query as a form in the body; clients whose HTTP library knows no PATCH send those so
(https://cloud.google.com/java/docs/reference/google-api-client/latest/com.google.api.client.googleapis).
"""

from aiohttp import hdrs, web
from yarl import URL

from cloud.errors import InvalidArgument

HEADER = "X-HTTP-Method-Override"
_FORM = "application/x-www-form-urlencoded"


async def apply_method_override(request: web.Request) -> web.Request:
    """What ``request`` stands for; itself, nearly always.

    Raises:
        InvalidArgument: its query is not of ASCII.
        HTTPRequestEntityTooLarge: its query is too long even for a body.
    """
    method = _method(request)
    if method is None:
        return request
    # A clone of one that was read could not be made: so it is another clone that is read.
    url = _with_query(request.rel_url, await request.clone().read()) if _is_form(request) else request.rel_url
    return request.clone(method=method, rel_url=url)


def _method(request: web.Request) -> str | None:
    method = request.headers.get(HEADER) if request.method == "POST" else None
    return method.upper() if method else None


def _is_form(request: web.Request) -> bool:
    return request.headers.get(hdrs.CONTENT_TYPE, "").lower().startswith(_FORM)


def _with_query(url: URL, form: bytes) -> URL:
    if not form.isascii():
        raise InvalidArgument("a form of ASCII is expected", field="body")
    query = "&".join(filter(None, (url.raw_query_string, form.decode())))
    return URL.build(path=url.raw_path, query_string=query, encoded=True)
