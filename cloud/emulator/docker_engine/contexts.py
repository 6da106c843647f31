"""The context of a build: a tar archive, compressed or not, that becomes a folder.

What is in it was chosen by whoever builds, but often made by others: no member leads out of the folder.
"""

import copy
import os
import posixpath
import tarfile
import zlib
from pathlib import Path

from cloud.errors import InvalidArgument

_MAGIC = slice(257, 262)
"""Of an archive that is not compressed: https://www.gnu.org/software/tar/manual/html_node/Standard.html."""


def unpack(archive: Path, folder: Path) -> None:
    """
    Args:
        archive: as tar, or compressed with gzip, bzip2 or xz
            (https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image/operation/ImageBuild).
        folder: exists, and is empty.

    Raises:
        InvalidArgument: it is no such archive, or a member leads out of the folder.
        OSError: the disk is full, for example.
    """
    _complete(archive)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isreg() or member.isdir() or member.issym() or member.islnk():  # else no COPY takes it
                    _extract(tar, member, folder)
    except tarfile.FilterError as error:
        raise InvalidArgument(f"the build context cannot be unpacked: {error}", field="context") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        if archive.stat().st_size == 0:
            raise InvalidArgument("the build context is empty: send a tar archive of it", field="context") from error
        raise InvalidArgument(
            f"the build context is no tar archive that can be read: {error}", field="context"
        ) from error


def _complete(archive: Path) -> None:
    """The docker command, where it adds a Dockerfile from elsewhere (``-f -``), sends neither the rest of the last
    block nor the end of the archive."""
    with archive.open("r+b") as file:
        head = file.read(tarfile.BLOCKSIZE)
        if head[_MAGIC] == b"ustar" and (left := file.seek(0, os.SEEK_END) % tarfile.BLOCKSIZE):
            file.write(bytes(tarfile.BLOCKSIZE - left))


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    inside = str(folder)
    # Each raises where a name leads out of the folder, through a link that came earlier, too.
    place, parent = copy.copy(member), copy.copy(member)
    place.type = parent.type = tarfile.REGTYPE
    parent.name = posixpath.dirname(member.name.rstrip("/"))
    tarfile.data_filter(parent, inside)
    path = folder / member.name.lstrip("/")
    if path.is_symlink() and not member.isdir():
        path.unlink()  # replaced, not written through
    tarfile.data_filter(place, inside)
    if member.issym():
        # It may lead anywhere, as those of a virtual environment do: nothing is written through it.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(member.linkname)
        return
    tar.extract(member, folder, filter="data")
    if member.isreg():
        path.chmod(0o600 | (member.mode & 0o777))
