"""The names of container images, as Docker reads them: ``[HOST[:PORT]/]PATH[:TAG][@DIGEST]``. Pure.

Grammar: https://github.com/distribution/reference/blob/main/reference.go. What has no host is Docker Hub's, where
``python`` stands for ``docker.io/library/python``; here the short form is the normal one.
"""

import re
from dataclasses import dataclass

from cloud.errors import InvalidArgument

_LATEST = "latest"
_LONGEST = 255
_DOMAIN_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*(?::[0-9]+)?")
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOCKER_HUB = ("docker.io", "index.docker.io")


@dataclass(frozen=True, slots=True)
class ImageName:
    repository: str
    """Host and path: ``gcr.io/my-project/trainer``, ``python``."""
    tag: str = ""
    """Empty only where there is a digest."""
    digest: str = ""
    """``sha256:`` and 64 hexadecimal digits; it decides, whatever the tag is."""

    def __str__(self) -> str:
        return f"{self.repository}{self.tag and f':{self.tag}'}{self.digest and f'@{self.digest}'}"


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def parse_name(text: str, field: str | None = None) -> ImageName:
    """The name in its normal form; without tag and digest it is that of the tag ``latest``.

    Raises:
        InvalidArgument: it is no name of an image; with Docker's words for why.
    """
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise _invalid(text, "a digest is sha256: and 64 hexadecimal digits", field)
    tag = ""
    # A colon before the last slash is that of a port.
    if ":" in name.rpartition("/")[2]:
        name, _, tag = name.rpartition(":")
        if not _TAG.fullmatch(tag):
            raise _invalid(text, "a tag has at most 128 letters, digits, '_', '.' and '-'", field)
    repository = _repository(name, text, field)
    return ImageName(repository, tag or ("" if digest else _LATEST), digest)


def _repository(name: str, text: str, field: str | None) -> str:
    host, slash, path = name.partition("/")
    if not slash or not (set(".:") & set(host) or host == "localhost" or host != host.lower()):
        host, path = "", name
    if host and not _HOST.fullmatch(host):
        raise _invalid(text, f"{host[:100]!r} is no host", field)
    if not _PATH.fullmatch(path):
        why = "repository name must be lowercase" if _PATH.fullmatch(path.lower()) else "HOST/PATH:TAG is expected"
        raise _invalid(text, why, field)
    if len(name) > _LONGEST:
        raise _invalid(text, f"repository name must not be more than {_LONGEST} characters", field)
    if host in _DOCKER_HUB:
        return path.removeprefix("library/")
    return f"{host}/{path}" if host else path.removeprefix("library/")


def _invalid(text: str, why: str, field: str | None) -> InvalidArgument:
    return InvalidArgument(f"invalid reference format: {why}: {text[:300]!r}", field=field)
