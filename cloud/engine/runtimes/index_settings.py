"""The user's package index, as pip is configured to use it, in the variables that uv reads.

Most users of a private index have configured pip alone. Sources: https://pip.pypa.io/en/stable/topics/configuration/
and https://docs.astral.sh/uv/reference/environment/.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

_UV_INDEXES = frozenset({"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX"})
_UV_LINKS = "UV_FIND_LINKS"
_UV_FILE_KEYS = frozenset({"index", "index-url", "extra-index-url", "no-index"})


def uv_index_environ(environ: Mapping[str, str], prefix: Path = Path(sys.prefix)) -> dict[str, str]:
    """The variables that make uv use the indexes and folders of wheels that pip uses.

    What uv itself is configured to, by variables or in its own file, wins: then nothing of that kind is added.

    Args:
        environ: the user's.
        prefix: of the environment whose ``pip.conf`` counts.
    """
    pip, own = _pip_settings(environ, prefix), uv_settings(environ).keys()
    found: dict[str, str] = {}
    if not (_UV_INDEXES & environ.keys() or _UV_FILE_KEYS & own):
        if pip.get("index-url"):
            found["UV_DEFAULT_INDEX"] = pip["index-url"].strip()
        if pip.get("extra-index-url"):
            found["UV_INDEX"] = " ".join(pip["extra-index-url"].split())
            # pip takes the best version of all its indexes; uv by default only those of the first that has the name.
            found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        if pip.get("no-index", "").strip().lower() in ("1", "true", "yes", "on", "y", "t"):
            found["UV_NO_INDEX"] = "1"
    links = pip.get("find-links", "") if _UV_LINKS not in environ and "find-links" not in own else ""
    if places := [place for place in links.split() if _exists(place)]:
        found[_UV_LINKS] = ",".join(places)
    for name, key in (("SSL_CERT_FILE", "cert"), ("SSL_CLIENT_CERT", "client-cert"), ("ALL_PROXY", "proxy")):
        if pip.get(key):
            found[name] = pip[key].strip()
    if pip.get("trusted-host"):
        found["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    return {name: value for name, value in found.items() if name not in environ}


def wheelhouses(environ: Mapping[str, str]) -> list[Path]:
    """The folders of wheels that ``environ``, with the variables of ``uv_index_environ``, names."""
    places = [place.removeprefix("file://") for place in re.split(r"[,\s]+", environ.get(_UV_LINKS, "")) if place]
    return [Path(place) for place in places if "://" not in place]


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The passwords and tokens in these variables, which must not appear in a log."""
    found: set[str] = set()
    for name, value in environ.items():
        if re.fullmatch(r"UV_INDEX_\w+_(PASSWORD|USERNAME)", name):
            found.add(value)
        elif name.startswith(("UV_", "PIP_")) or name.upper().endswith("_PROXY"):
            for word in re.findall(r"\w+://[^\s,]+", value):
                login = urlsplit(word).netloc.rpartition("@")[0]
                user, _, password = login.partition(":")
                found.update((password,) if password else (user,))  # a token may stand alone, in the user's place
    return frozenset(secret for secret in found if len(secret) > 3)


def _exists(place: str) -> bool:
    # pip warns of a folder that is not there; uv fails.
    return ("://" in place and not place.startswith("file://")) or Path(place.removeprefix("file://")).exists()


def _pip_settings(environ: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """pip's settings by their names in its files; later sources replace earlier ones."""
    import configparser  # here, because most clouds never ask an index

    settings: dict[str, str] = {}
    for file in _pip_files(environ, prefix):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself says so at the user's next call
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({_key(name): value for name, value in parser.items(section)})
    settings.update({_key(name[4:]): value for name, value in environ.items() if name.startswith("PIP_") and value})
    return settings


def _key(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _pip_files(environ: Mapping[str, str], prefix: Path) -> Iterator[Path]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
    else:
        for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
            yield Path(folder, "pip", "pip.conf")
        yield Path("/etc/pip.conf")
    if not (chosen and Path(chosen).exists()):
        yield home / ".pip" / "pip.conf"
        if sys.platform == "darwin" and (home / "Library/Application Support/pip").is_dir():
            yield home / "Library/Application Support/pip/pip.conf"
        else:
            yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
    yield prefix / "pip.conf"
    if chosen:
        yield Path(chosen)


def uv_settings(environ: Mapping[str, str]) -> dict[str, object]:
    """The settings in uv's own files, of the user and of the system; those of its section ``pip`` among them."""
    import tomllib

    if environ.get("UV_NO_CONFIG"):
        return {}
    home = Path(environ.get("HOME") or Path.home())
    chosen = environ.get("UV_CONFIG_FILE")
    files = [Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "uv", "uv.toml"), Path("/etc/uv/uv.toml")]
    settings: dict[str, object] = {}
    for file in [Path(chosen)] if chosen else files:
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue  # uv itself says so
        settings = {**content, **content.get("pip", {}), **settings}
    return settings
