"""``X-HTTP-Method-Override``: a request that is sent as POST in place of another method.

Google's front end accepts it for every method. google-api-python-client sends a GET with an address of more than 2,048
characters this way, its query as a form in the body; HTTP libraries without PATCH are used this way, too
(https://cloud.google.com/java/docs/reference/google-api-client/latest/com.google.api.client.googleapis).
"""

from aiohttp import web
from yarl import URL

from cloud.errors import InvalidArgument

METHOD_OVERRIDE = "X-HTTP-Method-Override"


async def apply_method_override(request: web.Request) -> web.Request:
    """The request that ``request`` stands for: nearly always itself.

    Raises:
        InvalidArgument: its query is not ASCII.
        HTTPRequestEntityTooLarge: its query is too long even for a body.
    """
    method = request.headers.get(METHOD_OVERRIDE, "")
    if request.method != "POST" or not method:
        return request
    url = request.rel_url
    if request.content_type == "application/x-www-form-urlencoded":
        # A request that has been read cannot be cloned: this reads another clone.
        form = await request.clone().read()
        if not form.isascii():
            raise InvalidArgument("a form of ASCII is expected", field="body")
        query = "&".join(filter(None, (url.raw_query_string, form.decode())))
        url = URL.build(path=url.raw_path, query_string=query, encoded=True)
    return request.clone(method=method.upper(), rel_url=url)
