"""Draws the pictures of the chapters in each language: ``python lab/pictures/draw.py``."""

from html import escape
from pathlib import Path

HERE = Path(__file__).parent
BLUE, ORANGE, GREEN, GREY, TEXT = "#1a73e8", "#e8710a", "#1e8e3e", "#5f6368", "#202124"

STEPS = {
    "en": ["notebook", "package", "bucket", "training job", "export", "version", "prediction"],
    "es": ["cuaderno", "paquete", "depósito", "trabajo", "exportación", "versión", "predicción"],
}
UNDER = {
    "en": ["try", "python -m", "gsutil cp", "jobs submit", "export/", "versions create", "predict"],
    "es": ["probar", "python -m", "gsutil cp", "jobs submit", "export/", "versions create", "predict"],
}
TITLES = {
    "en": ("From a notebook to predictions", "Three grants for the ML service account"),
    "es": ("Del cuaderno a las predicciones", "Tres permisos para la cuenta de servicio de ML"),
}
GRANTS = {
    "en": [
        ("new objects", "defacl ch -u ACCOUNT:R", "what you will upload can be read"),
        ("objects that are there", "acl ch -u ACCOUNT:R -r", "what you uploaded before can be read"),
        ("the bucket", "acl ch -u ACCOUNT:W", "files can be listed, and the model saved"),
    ],
    "es": [
        ("objetos nuevos", "defacl ch -u CUENTA:R", "podrá leer lo que subas"),
        ("objetos que ya están", "acl ch -u CUENTA:R -r", "podrá leer lo que ya subiste"),
        ("el depósito", "acl ch -u CUENTA:W", "podrá listar archivos y guardar el modelo"),
    ],
}
ACCOUNT = {"en": ("ML service", "account"), "es": ("cuenta de", "servicio de ML")}


def workflow(language: str) -> str:
    """The steps from left to right."""
    parts = []
    for number, (step, command) in enumerate(zip(STEPS[language], UNDER[language], strict=True)):
        left = 10 + number * 124
        colour = (GREY, GREY, BLUE, ORANGE, BLUE, GREEN, GREEN)[number]
        parts.append(
            f'<rect x="{left}" y="30" width="104" height="54" rx="8" fill="#fff" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(_text(left + 52, 62, step, 13, TEXT))
        parts.append(_text(left + 52, 104, command, 11, GREY, "monospace"))
        if number:
            parts.append(f'<path d="M{left - 20} 57h14m-5 -5l5 5l-5 5" stroke="{GREY}" stroke-width="2" fill="none"/>')
    return _svg(TITLES[language][0], 880, 120, parts)


def grants(language: str) -> str:
    """The account on the left, what it may touch on the right."""
    first, second = ACCOUNT[language]
    parts = [f'<circle cx="80" cy="120" r="56" fill="#fff" stroke="{ORANGE}" stroke-width="2"/>']
    parts += [_text(80, 116, first, 13, TEXT), _text(80, 134, second, 13, TEXT)]
    for number, (what, command, why) in enumerate(GRANTS[language]):
        top = 12 + number * 76
        parts.append(f'<path d="M138 120L330 {top + 32}" stroke="{GREY}" stroke-width="1.5" fill="none"/>')
        parts.append(
            f'<rect x="330" y="{top}" width="420" height="64" rx="8" fill="#fff" stroke="{BLUE}" stroke-width="2"/>'
        )
        parts.append(_text(345, top + 20, what, 13, TEXT, anchor="start"))
        parts.append(_text(345, top + 38, f"gsutil {command}", 11, GREY, "monospace", "start"))
        parts.append(_text(345, top + 55, why, 12, GREY, anchor="start"))
    return _svg(TITLES[language][1], 770, 244, parts)


def _box(x: int, y: int, width: int, height: int, colour: str) -> str:
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="8"'
    return f'<rect {place} fill="#fff" stroke="{colour}" stroke-width="2"/>'


def _text(x: int, y: int, text: str, size: int, colour: str, font: str = "sans-serif", anchor: str = "middle") -> str:
    style = f'font-family="{font}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    # A ground of its own: a picture in a notebook does not know whether the page is dark.
    ground = f'<rect width="{width}" height="{height}" rx="10" fill="#f8f9fa"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return f"{head}<title>{escape(title)}</title>{ground}{''.join(parts)}</svg>\n"


if __name__ == "__main__":
    for language in STEPS:
        (HERE / f"workflow.{language}.svg").write_text(workflow(language), encoding="utf-8")
        (HERE / f"grants.{language}.svg").write_text(grants(language), encoding="utf-8")
