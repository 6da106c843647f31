"""What a job that requests Python 2.7 needs in Python 3: implicit relative imports, and words where it cannot run."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cloud.resources import Service, TrainingSpec

_OLD_MODULES = (
    *("__builtin__", "BaseHTTPServer", "ConfigParser", "HTMLParser", "Queue", "SocketServer", "StringIO", "Tkinter"),
    *("cPickle", "cStringIO", "commands", "cookielib", "httplib", "urllib2", "urlparse"),
)
_OLD_NAMES = ("basestring", "execfile", "long", "raw_input", "reduce", "reload", "unichr", "unicode", "xrange")
_FAILURES = re.compile(
    r"^(?:SyntaxError|TabError|IndentationError): "
    rf"|^ModuleNotFoundError: No module named '(?:{'|'.join(_OLD_MODULES)})'"
    rf"|^NameError: name '(?:{'|'.join(_OLD_NAMES)})' is not defined"
    r"|^AttributeError: 'dict' object has no attribute '(?:has_key|iteritems|iterkeys|itervalues)'"
    # Of text and bytes, which are one type in Python 2, and of lists that are views and iterators in Python 3.
    r"|^TypeError: (?:a bytes-like object is required, not 'str'|write\(\) argument must be str, not bytes"
    r"|can't concat str to bytes|can only concatenate str \(not \"bytes\"\) to str"
    r"|'(?:dict_keys|dict_values|dict_items|map|filter|zip)' object is not subscriptable"
    r"|object of type '(?:map|filter|zip)' has no len\(\))",
    re.MULTILINE,
)
"""The last lines of tracebacks of Python 2's programs in Python 3."""


def is_requested(spec: TrainingSpec) -> bool:
    """Whether the job is for Python 2.7, which was ML Engine's choice for the runtime versions 1.x."""
    if spec.service is not Service.ML_ENGINE or spec.python_version is not None:
        return spec.python_version == "2.7"
    return (spec.runtime_version or "").startswith("1.")


def link_modules(module: str, packages: Sequence[Path], site: Iterable[Path], folder: Path) -> Path | None:
    """Make ``import model`` in ``trainer/task.py`` find ``trainer/model.py``, as Python 2 does.

    Args:
        module: of the job: ``trainer.task``.
        packages: the folders of the job's packages.
        site: those of all else that it imports: these modules, and Python's own, are found first.
        folder: for links to the modules; created.

    Returns:
        The folder, for the end of the import path; None if the module is in no package.
    """
    parent = Path(*module.split(".")[:-1])
    sources = [package / parent for package in packages if (package / parent).is_dir()] if parent.parts else []
    if not sources:
        return None
    known = {_import_name(entry) for place in (*packages, *site) for entry in _entries(place)} | sys.stdlib_module_names
    folder.mkdir()
    for source in reversed(sources):
        for entry in _entries(source):
            if _import_name(entry) not in known and not (folder / entry).is_symlink():
                (folder / entry).symlink_to(source / entry)
    return folder


def explain(message: str, version: tuple[int, int]) -> str:
    """What made a job for Python 2.7 fail, if its error message is one of Python 2's code in Python 3; else empty."""
    if not _FAILURES.search(message):
        return ""
    return f"The job asks for Python 2.7, ran in {version[0]}.{version[1]}: port it to Python 3."


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # an entry of an import path need not exist
        return []


def _import_name(entry: str) -> str:
    return entry.partition(".")[0]
