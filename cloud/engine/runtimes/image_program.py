"""A container's program as a module, for jobs: they do not see this project, so each gets a copy of it."""

from pathlib import Path

MODULE = "image_program"
"""Its arguments are the program and the program's own: a file of Python, which it runs itself, or any other."""
_PROGRAM = '''\
"""What a container runs."""

import os as _os
import re as _re
import sys as _sys

if __name__ == "__main__":
    _program, *_rest = _sys.argv[1:]
    _is_python = _re.fullmatch(r"(?:.*/)?python(?:3(?:[.][0-9]+)?)?", _program)
    while _is_python and _rest and _re.fullmatch(r"-[uBsEqO]+", _rest[0]):
        del _rest[0]
    if _is_python and _rest and _os.path.isfile(_rest[0]):
        _sys.argv[:], __file__ = _rest, _rest[0]
        _sys.path.insert(0, _os.path.dirname(_os.path.abspath(__file__)))
        with open(__file__, "rb") as _file:
            _code = _file.read()
        exec(compile(_code, __file__, "exec"), globals())  # globals, so that pickle finds classes
    else:
        try:
            _os.execvp(_program, [_program, *_rest])
        except OSError as _error:
            # The words and the status of container runtimes.
            _sys.stderr.write(f"exec: {_program}: {_error.strerror}\\n")
            _sys.exit(127 if isinstance(_error, FileNotFoundError) else 126)
'''


def write(folder: Path) -> Path:
    """Make ``folder``, in which the module is found."""
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(_PROGRAM, encoding="utf-8")
    return folder
