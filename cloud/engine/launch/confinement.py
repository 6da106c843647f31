"""``Confinement``: what a process, and all that it starts, may do on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.launch.network import Network
from cloud.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Confinement:
    """Every path that is not named here, below a folder that is, or needed by any program (``/usr``, ``/lib``, parts of
    ``/etc``, ``/dev``, ``/proc``; ``forkserver/system_paths.py``), cannot be opened. In a namespace it does not even
    exist, and ``/tmp``, ``/var/tmp``, ``/run`` and ``/dev/shm`` are empty folders of the process's own.

    A process whose confinement this machine cannot do is not started; what it can do is found by
    ``cloud.engine.confinement.layers``.

    Args:
        read: absolute paths of folders and files that may be read and executed; one that does not exist is left out.
        write: those that may be changed, too; each must exist. A file cannot be renamed from one to another in a
            namespace, as if they were file systems: name the folder that holds both.
        network: the namespace in which it runs; None: this machine's network, of which only ``ports`` can be reached.
        ports: TCP ports that it may connect to and listen on, without a namespace; None: all, where the kernel cannot
            restrict TCP. (0 allows to listen on any free port, but not to connect to it.)
        files: False: any file may be opened, where the kernel cannot restrict that.
        signals: False: any process of the user may be signalled, where the kernel cannot restrict that.
        mount: serves ``/gcs``; None: it has no such folder. Called with a descriptor of /dev/fuse that is mounted there
            and is from then on the callee's, it returns what ends that. Where this machine cannot mount, the folder is
            empty and cannot be written, or there is none.
        is_free: True: it has the user's rights, whatever else is said here, and only ``/gcs`` is not this machine's.
        root: a folder below one of ``write`` whose content is found at ``/`` too, where the machine has nothing of that
            name; only in a namespace. None: there is none.
        max_processes: threads and processes that it may have at a time: in a namespace the kernel lets it start no
            more; root's, and those outside of one, are counted, and killed if there are more.

    Raises:
        InvalidArgument: a path that is not absolute, or is the root folder.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    network: Network | None = None
    ports: tuple[int, ...] | None = ()
    files: bool = True
    signals: bool = True
    max_processes: int | None = None
    mount: Callable[[int], Callable[[], None]] | None = None
    is_free: bool = False
    root: Path | None = None

    def __post_init__(self) -> None:
        for field, paths in (("read", self.read), ("write", self.write)):
            for path in paths:
                if not path.is_absolute() or path == Path("/"):
                    raise InvalidArgument(f"an absolute path of less than the whole machine, not {path}", field=field)

    def request(self) -> dict[str, object]:
        """What the fork server needs of it besides the network's descriptors."""
        return {
            "read": [str(path) for path in self.read],
            "write": [str(path) for path in self.write],
            "files": self.files,
            "signals": self.signals,
            "ports": self.ports,
            "max_processes": self.max_processes,
            "is_free": self.is_free,
            "root": str(self.root) if self.root else None,
        }
