"""Pages of a class from templates, in the look of the console."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.classroom.words import translator
from cloud.console.rendering import FOLDER as CONSOLE
from cloud.console.rendering import HEADERS

if TYPE_CHECKING:
    import jinja2

__all__ = ["HEADERS", "SCRIPT", "STATIC", "render"]

_HERE = Path(__file__).parent
STATIC = CONSOLE / "static"
SCRIPT = _HERE / "static" / "class.js"


def render(template: str, language: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values, _=translator(language), language=language)


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2  # with the first page

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
