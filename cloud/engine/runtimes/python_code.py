"""``python3 -c CODE ARGS…`` as a module, for jobs: they do not see this project, so each gets a copy of it."""

from pathlib import Path

MODULE = "command_line_code"
"""Its first argument is the code."""
_PROGRAM = '''\
"""What python3 -c runs."""

import sys as _sys

if __name__ == "__main__":
    _code = _sys.argv[1]
    _sys.argv[:2] = ["-c"]
    exec(compile(_code, "<string>", "exec"), globals())  # globals, so that pickle finds classes
'''


def write(folder: Path) -> Path:
    """Make ``folder``, in which the module is found."""
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(_PROGRAM, encoding="utf-8")
    return folder
