"""``Confinement``: what a process, and all that it starts, may do on this machine."""

from dataclasses import dataclass
from pathlib import Path

from cloud.engine.launch.network import Network


@dataclass(frozen=True, slots=True)
class Confinement:
    """Every path that is not named here, below a folder that is, or needed by any program (``/usr``, ``/lib``, parts of
    ``/etc``, ``/dev``, ``/proc``), cannot be opened.

    Args:
        read: folders and files that may be read and executed.
        write: folders and files that may be changed, too.
        network: the namespace in which it runs; None: this machine's network, of which only ``ports`` can be reached
            where the kernel can restrict TCP.
        ports: TCP ports of the loopback interface that it may connect to and listen on, without a namespace.
        max_processes: threads and processes that it may have at a time; holds in a namespace only.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    network: Network | None = None
    ports: tuple[int, ...] = ()
    max_processes: int | None = None
