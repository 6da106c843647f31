"""Opens an address in the user's browser, if there is one."""

import html
import webbrowser
from pathlib import Path

from cloud.engine.state_folder import write_private

_TEXT_BROWSERS = ("GenericBrowser", "Elinks")
"""Python's classes of browsers in the terminal, as w3m."""


def open_address(address: str, folder: Path) -> bool:
    """Returns whether a browser was started.

    Args:
        folder: for a page that leads to the address: other users of the machine see what programs are started with.
    """
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(browser).__name__ in _TEXT_BROWSERS:  # it would take the terminal, and cannot show JupyterLab
        return False
    page = folder / "open.html"
    target = html.escape(address, quote=True)
    write_private(
        page,
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={target}">'
        f'<a href="{target}">{target}</a>\n',
    )
    return browser.open(page.as_uri())
