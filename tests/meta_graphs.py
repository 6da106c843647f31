"""Makes ``MetaGraphDef`` messages."""

from collections.abc import Mapping, Sequence

from cloud.wire.protobuf import varint_field


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint_field(number, value)
    value = value.encode() if isinstance(value, str) else value
    size = varint_field(0, len(value))[1:]
    return _tag(number) + size + value


def _tag(number: int) -> bytes:
    return varint_field(0, number << 3 | 2)[1:]


def node(name: str, operation: str, *inputs: str, shared_name: str = "", calls: Sequence[str] = ()) -> bytes:
    """A ``NodeDef``; ``calls``: a function, and branches in a list."""
    message = field(1, name) + field(2, operation) + b"".join(field(3, each) for each in inputs)
    if shared_name:
        message += field(5, field(1, "shared_name") + field(2, field(2, shared_name)))
    if calls:
        message += field(5, field(1, "f") + field(2, field(10, field(1, calls[0]))))
        branches = b"".join(field(9, field(1, each)) for each in calls[1:])
        message += field(5, field(1, "branches") + field(2, field(1, branches)))
    return message


def meta_graph(
    nodes: Sequence[bytes],
    *,
    outputs: Mapping[str, str],
    functions: Mapping[str, Sequence[bytes]] | None = None,
    objects: bytes = b"",
) -> bytes:
    """With the signature serving_default."""
    library = b"".join(
        field(1, field(1, field(1, name)) + b"".join(field(3, each) for each in body))
        for name, body in (functions or {}).items()
    )
    graph = b"".join(field(1, each) for each in nodes) + field(2, library)
    return field(2, graph) + field(5, signature("serving_default", {}, outputs)) + field(7, objects)


def signature(
    key: str, inputs: Mapping[str, bytes | str], outputs: Mapping[str, bytes | str], method: str = "predict"
) -> bytes:
    """An entry of ``signature_def``, whose tensors are messages, or names of float32 scalars."""

    def tensors(number: int, given: Mapping[str, bytes | str]) -> bytes:
        return b"".join(field(number, field(1, alias) + field(2, _info(info))) for alias, info in given.items())

    return field(1, key) + field(2, tensors(1, inputs) + tensors(2, outputs) + field(3, method))


def _info(info: bytes | str) -> bytes:
    return info if isinstance(info, bytes) else tensor(info, 1, ())


def tensor(name: str, dtype: int, sizes: Sequence[int] | None) -> bytes:
    """A ``TensorInfo``."""
    shape = field(3, 1) if sizes is None else b"".join(field(2, field(1, size)) for size in sizes)
    return field(1, name) + field(2, dtype) + field(3, shape)
