"""``python3 -c CODE ARGS…`` as a module: ``python3 -m cloud.containers.code CODE ARGS…``."""

import sys as _sys

if __name__ == "__main__":
    _code = _sys.argv[1]
    _sys.argv[:2] = ["-c"]
    exec(compile(_code, "<string>", "exec"), globals())  # noqa: S102 - the purpose; globals, so that pickle finds classes
