"""The package indexes that uv asks, in its order, with their logins: for what uv must not do, as it would run code.

Sources: https://docs.astral.sh/uv/concepts/indexes/ and https://docs.astral.sh/uv/reference/environment/.
"""

import netrc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from cloud.engine.runtimes.index_settings import uv_settings

_PYPI = "https://pypi.org/simple"
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
Login = tuple[str, str]
"""A user and a password."""


@dataclass(frozen=True, slots=True)
class Index:
    """
    Args:
        url: of its root, without a slash at the end and without a login.
        login: None: it has none, or one in ``~/.netrc``.
    """

    url: str
    login: Login | None = None


def indexes(environ: Mapping[str, str]) -> list[Index]:
    """Those over http that are asked, the default one last.

    Args:
        environ: of uv's process, with the variables of ``uv_index_environ``.
    """
    settings = uv_settings(environ)
    if _is_set(environ, "UV_NO_INDEX") or settings.get("no-index") is True:
        return []
    named = list(_named(environ, settings))
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    default = default or next((url for _, url, is_default in named if is_default), None)
    default = default or str(settings.get("index-url") or _PYPI)
    texts = [*((name, url) for name, url, is_default in named if not is_default), _split(default)]
    found = [_index(environ, name, url) for name, url in texts if url.startswith(("http://", "https://"))]
    return list(dict.fromkeys(found))


def is_first_only(environ: Mapping[str, str]) -> bool:
    """Whether of several indexes only the first that knows a name counts, as is uv's default."""
    strategy = environ.get("UV_INDEX_STRATEGY") or uv_settings(environ).get("index-strategy") or "first-index"
    return strategy == "first-index"


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether the user lets uv use no network."""
    return _is_set(environ, "UV_OFFLINE") or uv_settings(environ).get("offline") is True


def without_login(url: str) -> tuple[str, Login | None]:
    """``url``, and the user and password that it had."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password)) if at else None


def netrc_login(environ: Mapping[str, str], host: str) -> Login | None:
    """What the user's ``.netrc`` has for ``host``."""
    file = environ.get("NETRC") or Path(environ.get("HOME") or Path.home(), ".netrc")
    try:
        found = netrc.netrc(str(file)).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    return (found[0] or "", found[2] or "") if found else None


def _named(environ: Mapping[str, str], settings: Mapping[str, object]) -> Iterator[tuple[str, str, bool]]:
    """Name, URL, and whether it is the default one, of each that is not only the default."""
    for variable in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
        yield from ((*_split(text), False) for text in environ.get(variable, "").split())
    entries, extra = settings.get("index"), settings.get("extra-index-url")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("url"), str) and not entry.get("explicit"):
            yield str(entry.get("name", "")), entry["url"], entry.get("default") is True
    yield from (("", url, False) for url in (extra if isinstance(extra, list) else []) if isinstance(url, str))


def _split(text: str) -> tuple[str, str]:
    """Name and URL of ``NAME=URL``, or of a URL alone."""
    match = re.fullmatch(r"(?:([\w.-]+)=)?(.*)", text.strip(), re.DOTALL)
    assert match is not None  # noqa: S101 - it matches every text
    return match[1] or "", match[2]


def _index(environ: Mapping[str, str], name: str, text: str) -> Index:
    url, login = without_login(text)
    if name:
        prefix = "UV_INDEX_" + re.sub(r"\W", "_", name.upper().replace("-", "_").replace(".", "_"))
        user, password = environ.get(f"{prefix}_USERNAME", ""), environ.get(f"{prefix}_PASSWORD", "")
        login = (user, password) if user or password else login
    return Index(url.rstrip("/"), login)


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() in _TRUE
