"""The console's application: its pages, and what every request has to pass before it reaches one."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from cloud.console.access import CSRF_FIELD, CSRF_HEADER, Access, is_own_host
from cloud.console.rendering import CSRF, FOLDER, HEADERS, LANGUAGE_COOKIE, MENU, NAVIGATION, PROJECT, page
from cloud.console.tensorboard import PREFIX
from cloud.console.words import LANGUAGES
from cloud.errors import CloudError, NotFound

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LARGEST_FORM = 80 << 20
_YEAR = 365 * 24 * 3600


class Application:
    """Args:
    pages: the routes of all pages.
    port: that the console listens on, once it does.
    admits: whether the connection of a request is one of this user's.
    """

    def __init__(
        self,
        pages: Iterable[web.RouteDef],
        access: Access,
        port: Callable[[], int],
        admits: Callable[[web.Request], bool],
        project: str,
    ) -> None:
        self._access, self._port, self._admits = access, port, admits
        self._application = web.Application(
            middlewares=[self._guard, self._explain],
            client_max_size=_LARGEST_FORM,
        )
        self._application[CSRF], self._application[PROJECT] = access.csrf, project
        pages = list(pages)
        addresses = {route.path for route in pages}
        self._application[MENU] = tuple(entry for entry in NAVIGATION if entry[0] in addresses)
        self._application.add_routes(
            [*pages, web.post("/language", self._choose_language), web.static("/static", FOLDER / "static")]
        )

    @property
    def application(self) -> web.Application:
        return self._application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        port = self._port()
        if not self._admits(request) or not is_own_host(request, port):
            return _refusal()
        if request.path == "/open":
            return self._open(request, port)
        if request.path.startswith("/static/"):
            return await handler(request)
        if not self._access.admits(request, port):
            return _refusal()
        # TensorBoard's own pages, which ask by POST, know no secret of ours; they change nothing.
        if request.method not in ("GET", "HEAD") and not request.path.startswith(f"{PREFIX}/"):
            given = request.headers.get(CSRF_HEADER) or str((await request.post()).get(CSRF_FIELD, ""))
            if not self._access.may_change(given):
                return _refusal()
        return await handler(request)

    @web.middleware
    async def _explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return page(request, "error.html", status=404, title="Not found", text=request.path)
        except CloudError as error:
            title = "Not found" if isinstance(error, NotFound) else "Refused"
            return page(request, "error.html", status=error.http_status, title=title, text=str(error))

    def _open(self, request: web.Request, port: int) -> web.Response:
        """Exchange the token of an address for the cookie, and forget the address."""
        value = self._access.redeem(request.query.get("token", ""))
        if value is None:
            return _refusal()
        response = web.Response(status=303, headers={**HEADERS, "Referrer-Policy": "no-referrer", "Location": "/"})
        response.set_cookie(self._access.cookie_name(port), value, httponly=True, samesite="Strict", path="/")
        return response

    async def _choose_language(self, request: web.Request) -> web.Response:
        form = await request.post()
        chosen, back = str(form.get("language", "")), str(form.get("back", "/"))
        if chosen not in LANGUAGES or not back.startswith("/") or back.startswith("//"):
            return _refusal()
        response = web.Response(status=303, headers={**HEADERS, "Location": back})
        response.set_cookie(LANGUAGE_COOKIE, chosen, samesite="Strict", max_age=_YEAR, path="/")
        return response


def _refusal() -> web.Response:
    """The same for every reason, so that it tells none."""
    text = "This address was used before, or is not yours.\nprint a new one: python -m cloud.serve console\n"
    return web.Response(text=text, status=403, headers=HEADERS)
