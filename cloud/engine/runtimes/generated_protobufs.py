"""Which packages hold Python that protoc generated before 3.19: newer protobufs import it in pure Python only.

Source: what protobuf 4 and later say of it ("Descriptors cannot be created directly"), which names this variable, and
https://protobuf.dev/news/2022-05-06/#python-updates.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.link_tree import recorded_files

PURE_PYTHON: Mapping[str, str] = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
_FIRST_TO_REFUSE = Version("4")
_CREATES_DESCRIPTOR = b" = _descriptor.FileDescriptor("


def need_pure_python(folders: Iterable[Path], visible: Sequence[Path]) -> list[str]:
    """``NAME VERSION`` of the distributions in ``folders`` that can be imported with ``PURE_PYTHON`` only.

    Args:
        folders: of packages, which do not change any more.
        visible: where protobuf is looked for.
    """
    old = [name for folder in folders for name in _generated_before_3_19(folder)]
    protobuf = Distributions(visible).get("protobuf") if old else None
    return old if protobuf and Version(protobuf.version) >= _FIRST_TO_REFUSE else []


@functools.lru_cache(maxsize=256)
def _generated_before_3_19(folder: Path) -> tuple[str, ...]:
    return tuple(
        str(distribution)
        for distribution in Distributions([folder])
        if any(
            _creates_descriptor(folder / file) for file in recorded_files(distribution.info) if file.endswith("_pb2.py")
        )
    )


def _creates_descriptor(module: Path) -> bool:
    try:
        return _CREATES_DESCRIPTOR in module.read_bytes()
    except FileNotFoundError:
        return False
