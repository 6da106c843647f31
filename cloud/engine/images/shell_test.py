"""``[ … ]``: conditions on files of the image and on text."""

import posixpath
from collections.abc import Sequence

from cloud.engine.images.image_files import ImageFiles


def holds(words: Sequence[str], files: ImageFiles, folder: str) -> bool | None:
    """
    Args:
        words: between the brackets.
        folder: the current one.

    Returns:
        None: it is not known here, as whether there is a file of the image that this one is made from.
    """
    match words:
        case ["!", *rest] if rest:
            answer = holds(rest, files, folder)
            return None if answer is None else not answer
        case ["-n", text]:
            return bool(text)
        case ["-z", text]:
            return not text
        case ["-n"] | ["-z"]:  # an empty variable that is not quoted
            return words[0] == "-z"
        case [("-f" | "-d" | "-e" | "-s" | "-L" | "-h" | "-x" | "-r" | "-w") as flag, name]:
            return _file_test(flag, posixpath.join(folder, name), files)
        case [left, ("=" | "=="), right]:
            return left == right
        case [left, "!=", right]:
            return left != right
        case [text] if not text.startswith("-"):
            return bool(text)
        case []:
            return False
    return None


def _file_test(flag: str, path: str, files: ImageFiles) -> bool | None:
    if not files.exists(path, follow=flag not in ("-L", "-h")):
        # A folder that the Dockerfile has filled is known; the others may be the base image's.
        return False if files.is_folder(posixpath.dirname(path)) and posixpath.dirname(path) != "/" else None
    real = files.real(path, follow=flag not in ("-L", "-h"))
    match flag:
        case "-f":
            return real.is_file()
        case "-d":
            return real.is_dir()
        case "-s":
            return real.stat().st_size > 0
        case "-L" | "-h":
            return real.is_symlink()
        case "-x":
            return bool(real.stat().st_mode & 0o100)
    return True
