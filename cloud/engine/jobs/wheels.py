"""Installs wheels, after checking that they are for the job's Python.

Format: https://packaging.python.org/specifications/binary-distribution-format/.
"""

import sys
import sysconfig
import tempfile
import zipfile
from email.message import Message
from email.parser import BytesParser
from functools import cache
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag, sys_tags

from cloud.engine.jobs.archives import BadArchiveError
from cloud.engine.jobs.zip_archives import open_zip, unpack_zip
from cloud.engine.runtimes.python_facts import PythonFacts
from cloud.errors import FailedPrecondition


def install_wheel(wheel: Path, work: Path, python: PythonFacts) -> tuple[Path, str]:
    """Install into a new folder in ``work``; returns it and ``NAME-VERSION``.

    Args:
        python: the interpreter that it is for.

    Raises:
        FailedPrecondition: it is damaged, has a member outside the folder, or is not for that Python.
    """
    with open_zip(wheel) as archive:
        name = _check(archive, wheel.name, python)
        folder = Path(tempfile.mkdtemp(dir=work, prefix="installed-"))
        unpack_zip(archive, wheel.name, folder, lambda member: _target_path(member, f"{name}.data"))
    return folder, name


def check_wheel(wheel: Path, python: PythonFacts) -> str:
    """The ``NAME-VERSION`` of a wheel that can be installed for ``python``.

    Raises:
        FailedPrecondition: see ``install_wheel``.
    """
    with open_zip(wheel) as archive:
        return _check(archive, wheel.name, python)


def _check(archive: zipfile.ZipFile, wheel: str, python: PythonFacts) -> str:
    infos = sorted({name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name})
    if len(infos) != 1:
        raise BadArchiveError(f"{wheel} is no wheel: it holds {len(infos)} .dist-info folders, not one")
    _check_tags(wheel, _headers(archive, f"{infos[0]}/WHEEL"), python)
    _check_python(wheel, _headers(archive, f"{infos[0]}/METADATA"), python)
    return infos[0].removesuffix(".dist-info")


def _target_path(member: str, data: str) -> str:
    """Where ``pip install --target`` puts a member ("the .data directory" in the format)."""
    top, _, rest = member.partition("/")
    if top != data:
        return member
    kind, _, path = rest.partition("/")
    return {"scripts": f"bin/{path}", "headers": f"include/{path}"}.get(kind, path)


def _headers(archive: zipfile.ZipFile, member: str) -> Message:
    try:
        return BytesParser().parsebytes(archive.read(member))
    except KeyError:
        raise BadArchiveError(f"{archive.filename} is no wheel: it lacks {member}") from None


def _check_tags(name: str, headers: Message, python: PythonFacts) -> None:
    tags = headers.get_all("Tag", [])
    if not any(tag in _supported_tags(python.version) for text in tags for tag in parse_tag(text)):
        raise FailedPrecondition(
            f"{name} is for {', '.join(tags)}, not for the job's Python {python.full_version} on "
            f"{sysconfig.get_platform()}: stage its source distribution, or a wheel for this platform"
        )


@cache
def _supported_tags(version: str) -> frozenset[Tag]:
    """Those of CPython ``version`` (``3.11``) on this machine."""
    major, minor = map(int, version.split("."))
    if (major, minor) == sys.version_info[:2]:
        return frozenset(sys_tags())
    interpreter = f"cp{major}{minor}"
    return frozenset((*cpython_tags((major, minor)), *compatible_tags((major, minor), interpreter)))


def _check_python(name: str, headers: Message, python: PythonFacts) -> None:
    wanted = headers.get("Requires-Python")
    try:
        fits = wanted is None or SpecifierSet(wanted).contains(python.full_version, prereleases=True)
    except InvalidSpecifier:
        fits = True  # pip ignores an invalid specifier, too
    if not fits:
        raise FailedPrecondition(f"{name} requires Python {wanted}, the job's is {python.full_version}")
