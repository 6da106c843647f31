"""TensorBoard's data server, with which it reads folders of logs (``--load_fast``), unless they are in a bucket."""

import importlib.util
from pathlib import Path

from cloud.engine.state_folder import write_private

VARIABLE = "TENSORBOARD_DATA_SERVER_BINARY"
"""The program that TensorBoard starts instead of the installed one (tensorboard/data/server_ingester.py)."""
_REFUSAL = "it trusts no certificates but its own, so it cannot read gs:// of a local cloud"
_SCRIPT = """#!/bin/sh
refuse() {
    if [ "$error" ]; then echo "$1" >"$error"; else echo "$1" >&2; fi
    exit 1
}
error= logdir=
for flag; do
    case $flag in
    --error-file=*) error=${flag#*=} ;;
    --logdir=*) logdir=${flag#*=} ;;
    esac
done
case $logdir in gs://*) refuse 'REFUSAL' ;; esac
[ -x 'INSTALLED' ] || refuse 'it is not installed'
exec 'INSTALLED' "$@"
"""


def write_data_server(path: Path) -> dict[str, str]:
    """Write a program in its place, which ends at once if the logs are in a bucket: then TensorBoard, with its default
    flags, reads them itself, through TensorFlow. Folders of this machine are read as usual.

    Returns:
        The variable that leads TensorBoard to it.
    """
    found = importlib.util.find_spec("tensorboard_data_server")
    installed = Path(found.origin).parent / "bin" / "server" if found and found.origin else Path("/nonexistent")
    quoted = str(installed).replace("'", "'\\''")
    write_private(path, _SCRIPT.replace("REFUSAL", _REFUSAL).replace("INSTALLED", quoted))
    path.chmod(0o700)
    return {VARIABLE: str(path)}
