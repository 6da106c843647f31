"""Pages from templates: escaped, in the reader's language, with headers that keep other sites and objects out."""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from cloud.console.words import LANGUAGES, preferred, translator

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent
CSRF, PROJECT = web.AppKey("csrf", str), web.AppKey("project", str)
"""The second secret, which changes need, and the project's id."""
MENU = web.AppKey("menu", tuple)
"""Addresses and names of the pages that every page leads to: those of ``NAVIGATION`` that there are."""
NAVIGATION = (
    ("/jobs", "Jobs"),
    ("/models", "Models"),
    ("/storage", "Storage"),
    ("/iam", "Access"),
    ("/tensorboard", "TensorBoard"),
    ("/requests", "Requests"),
    ("/checks", "Chapters"),
)
LANGUAGE_COOKIE = "console_language"
_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without any, browsers send forms with a null origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def language_of(request: web.Request) -> str:
    """That the reader chose, or his browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))


def page(request: web.Request, template: str, *, status: int = 200, live: str = "", **values: Any) -> web.Response:
    """The page of a template.

    Args:
        live: the feed whose changes the page shows, see ``live``.
    """
    text = render(
        template,
        language_of(request),
        languages=LANGUAGES,
        path=request.path,
        back=request.path_qs,
        csrf=request.app[CSRF],
        project=request.app[PROJECT],
        live=live,
        navigation=request.app[MENU],
        **values,
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def fragment(request: web.Request, template: str, macro: str, **values: Any) -> str:
    """A part of a page: a macro that takes ``values`` by name."""
    module = _environment().get_template(template).make_module({"_": translator(language_of(request))})
    return str(getattr(module, macro)(**values))


def render(template: str, language: str, **values: Any) -> str:
    """The text of a template, or of a part of a page."""
    return _environment().get_template(template).render(**values, _=translator(language), language=language)


def prepare() -> None:
    """Load what pages are made with, so that the first one need not; what that one needs first."""
    environment = _environment()
    for template in ("project.html", "base.html", "macros.html", *environment.list_templates()):
        environment.get_template(template)


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2  # with the first page

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "size": size,
        "clock": clock,
        "epoch": epoch,
        "epoch_clock": epoch_clock,
    }
    return environment


def moment(time: datetime | None) -> str:
    """Local time, in seconds."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time else ""


def clock(time: datetime) -> str:
    """Local time of day."""
    return time.astimezone().strftime("%H:%M:%S")


def epoch_clock(seconds: float) -> str:
    """Local time of day with tenths, of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S.%f")[:-5]


def epoch(time: datetime) -> int:
    """Milliseconds since 1970, as JavaScript counts."""
    return round(time.timestamp() * 1000)


def elapsed(start: datetime | None, end: datetime | None) -> str:
    """From ``start`` to ``end``, or to now."""
    if start is None:
        return ""
    seconds = int(((end or datetime.now(UTC)) - start).total_seconds())
    hours, rest = divmod(max(seconds, 0), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def size(count: int) -> str:
    """Bytes, as people read them."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""
