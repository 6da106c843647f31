"""Programs run as other users of this machine. Only root can do so.

The users need no entry in /etc/passwd: a uid, with a home folder of its own, is all that the kernel compares.
"""

import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
OWNER, STRANGER = 40_001, 40_002
_STRANGER = Path(__file__).with_name("stranger.py")
REFUSED = b"HTTP/1.1 403 this cloud is another user's\r\n"


def _can_become_another() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    # Not every root can: one of a user namespace has few users.
    return subprocess.run(["true"], user=STRANGER, group=STRANGER, extra_groups=[], check=False).returncode == 0


def needs_other_users() -> pytest.MarkDecorator:
    try:
        can = _can_become_another()
    except OSError:
        can = False
    return pytest.mark.skipif(not can, reason="only root on Linux can run programs as other users of this machine")


def attack(how: str, port: int, request: bytes, uid: int = STRANGER) -> bytes:
    """What user ``uid`` gets for ``request``, sent to 127.0.0.1:``port``; see ``stranger.py`` for the ways."""
    argv = [sys.executable, "-I", "-S", str(_STRANGER), str(uid), how, str(port)]
    return subprocess.run(argv, input=request, stdout=subprocess.PIPE, timeout=30, check=True).stdout


def curl(uid: int, *arguments: str, environ: Mapping[str, str]) -> str:
    """What curl prints for user ``uid``, with the HTTP status at the end."""
    ran = subprocess.run(
        ["curl", "-s", "-m", "20", "-w", "%{http_code} %{http_connect}", *arguments],
        user=uid,
        group=uid,
        extra_groups=[],
        env=dict(environ),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ran.stdout


class Homes:
    """Home folders, and a folder for temporary files of all users, below ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o711)
        self.folder, self.shared = folder, folder / "tmp"
        self.shared.mkdir()
        self.shared.chmod(0o1777)

    def environ(self, uid: int) -> dict[str, str]:
        """What the user's programs find in their environment."""
        home = self.folder / str(uid)
        if not home.exists():
            home.mkdir(mode=0o700)
            os.chown(home, uid, uid)
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ")}
        return kept | {"HOME": str(home), "TMPDIR": str(self.shared), "CLOUD_LAUNCHER": "cold"}


def as_user(uid: int, argv: Sequence[str]) -> list[str]:
    """The command line that runs ``argv`` as user ``uid``."""
    ids = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return in_readable_world(["setpriv", *ids, *argv])


_EXPOSE = """
set -e
blocked=$1 kept=$2
shift 2
descriptor=2
for path in $kept; do
    descriptor=$((descriptor + 1))
    eval "exec $descriptor<$path"
done
for path in $blocked; do
    mount -t tmpfs -o mode=755 none "$path"
done
descriptor=2
for path in $kept; do
    descriptor=$((descriptor + 1))
    mkdir -p "$path"
    mount --no-canonicalize --bind "/proc/self/fd/$descriptor" "$path"
    eval "exec $descriptor<&-"
done
exec "$@"
"""


def in_readable_world(argv: Sequence[str]) -> list[str]:
    """The command line that runs ``argv`` where every user can read Python, its packages and this checkout.

    Installed by root for root alone, as in /root, they are shown by a mount namespace as if they were for all.
    """
    places = {CHECKOUT, Path(sys.prefix), Path(sys.base_prefix), Path(sysconfig.get_path("stdlib"))}
    kept = {place.resolve() for place in places}
    blocked = {closed for place in kept if (closed := _closed_parent(place)) is not None}
    if not blocked:
        return list(argv)
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip(f"Python is below {min(blocked)}, which other users cannot enter, and this root cannot mount")
    kept = {place for place in kept if any(place.is_relative_to(closed) for closed in blocked)}
    kept -= {place for place in kept if any(parent in kept for parent in place.parents)}
    listed = [" ".join(map(str, sorted(paths))) for paths in (blocked, kept)]
    return ["unshare", "--mount", "sh", "-c", _EXPOSE, "sh", *listed, *argv]


def _closed_parent(place: Path) -> Path | None:
    """The outermost folder above ``place`` that other users cannot pass."""
    return next((folder for folder in reversed(place.parents) if not folder.stat().st_mode & stat.S_IXOTH), None)
