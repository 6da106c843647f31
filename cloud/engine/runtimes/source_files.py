"""The source distributions of a package on a page of an index's Simple API (PEP 503, PEP 691). Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, unquote, urldefrag, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"  # of PEP 691
)
HASHES = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
"""Those that an index may name, the strongest first."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that a page links to.

    Args:
        url: absolute.
        hashes: hexadecimal, by the names of their algorithms.
        requires_python: a specifier; empty: any.
    """

    name: str
    url: str
    hashes: Mapping[str, str]
    requires_python: str = ""
    is_yanked: bool = False


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source distribution of ``version``.

    Args:
        is_compiled: the same version has wheels for single platforms, so that a compiler made them.
    """

    version: Version
    file: IndexFile
    is_compiled: bool


def read_page(text: str, content_type: str, url: str) -> list[IndexFile]:
    """
    Args:
        url: of the page.

    Raises:
        ValueError: it is no such page.
    """
    if "json" in content_type.partition(";")[0]:
        return _read_json(text, url)
    page = _Page(url)
    page.feed(text)
    page.close()
    return page.files


def newest(files: Iterable[IndexFile], name: str, allowed: SpecifierSet, python: str) -> SourceFile | None:
    """The source distribution of the newest version that ``allowed`` and its Requires-Python allow; None: there is
    none. A version that was yanked counts only where it is pinned (PEP 592).

    Args:
        name: of the package.
        python: the full version of the Python that it is for.
    """
    found: dict[Version, IndexFile] = {}
    compiled: set[Version] = set()
    is_pinned = any(specifier.operator in ("==", "===") for specifier in allowed)
    for file in files:
        if version := _platform_wheel(file.name, name):
            compiled.add(version)
        source = _source(file.name, name)
        usable = source and _allows(file.requires_python, python) and (is_pinned or not file.is_yanked)
        # Of two, the first: .tar.gz and .zip of one version have the same content.
        if source and usable and urlsplit(file.url).scheme in ("http", "https"):
            found.setdefault(source, file)
    versions = sorted(allowed.filter(found), reverse=True)
    return SourceFile(versions[0], found[versions[0]], versions[0] in compiled) if versions else None


def _source(file: str, name: str) -> Version | None:
    try:
        found, version = parse_sdist_filename(file)
    except InvalidSdistFilename:
        return None
    return version if found == canonicalize_name(name) else None


def _platform_wheel(file: str, name: str) -> Version | None:
    """The version of a wheel for some platform alone."""
    try:
        found, version, _, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return None
    return version if found == canonicalize_name(name) and all(tag.platform != "any" for tag in tags) else None


def _allows(specifier: str, python: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # as pip, which ignores it


def _read_json(text: str, url: str) -> list[IndexFile]:
    page = json.loads(text)
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise ValueError("it has no list of files")
    return [
        IndexFile(
            str(file.get("filename", "")),
            urljoin(url, str(file.get("url", ""))),
            {str(name): str(value).lower() for name, value in dict(file.get("hashes") or {}).items()},
            str(file.get("requires-python") or ""),
            bool(file.get("yanked")),
        )
        for file in page["files"]
        if isinstance(file, dict)
    ]


class _Page(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.files: list[IndexFile] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        target = attributes.get("href") or ""
        if tag == "base" and target:
            self._url = urljoin(self._url, target)
        if tag != "a" or not target:
            return
        url, fragment = urldefrag(urljoin(self._url, target))
        hashes = {name: value.lower() for name, value in parse_qsl(fragment) if name in HASHES}
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        requires = attributes.get("data-requires-python") or ""
        self.files.append(IndexFile(name, url, hashes, requires, "data-yanked" in attributes))
