"""Object names encoded as keys that are safe on any file system. Pure; reversible; prefixes stay prefixes.

The filesystem backend of fake-gcs-server joins an object's name to its folder, so that ``../../etc`` escapes the root,
``a`` and ``a/b`` cannot both exist, ``dir/`` is lost and ``a/../q`` becomes ``q``. The keys avoid all of that. Rules,
byte by byte of the name's UTF-8:

- ``a-z 0-9 - _ . =`` are kept, but a dot at the start of a component is escaped (no ``.``, ``..`` or hidden files);
- ``/`` becomes ``%2f/``: readable folders, and a folder (``a%2f``) never has the name of a file (``a$``);
- every other byte becomes ``%xx``, also upper case and non-ASCII: safe where names fold case or normalise Unicode;
- after 180 characters a component continues in a folder: ``+/``, so that none exceeds 255 bytes;
- a whole name ends in ``$``, which occurs nowhere else: no key is a prefix of another.
"""

import re

END = "$"
_CONTINUED = "+/"
_LONGEST = 180
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.=")
_SPELLED = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))
_PIECE = re.compile(rb"%([0-9a-f]{2})|([a-z0-9_.=-])", re.DOTALL)


def encode(name: str) -> str:
    """The key of a whole name.

    >>> encode("Data/.part")
    '%44ata%2f/%2epart$'
    """
    return encode_prefix(name) + END


def encode_prefix(prefix: str) -> str:
    """The common prefix of the keys of all names that start with ``prefix``, and of no other keys."""
    key: list[str] = []
    length = 0
    for byte in prefix.encode():
        # Split only when another byte follows, so that a prefix's key stays a prefix.
        if length >= _LONGEST:
            key.append(_CONTINUED)
            length = 0
        piece = "%2e" if byte == 0x2E and length == 0 else _SPELLED[byte]
        key.append(piece)
        length += len(piece)
        if byte == 0x2F:
            key.append("/")
            length = 0
    return "".join(key)


def decode(key: str) -> str:
    """The name encoded by ``key``.

    Raises:
        ValueError: ``encode`` does not produce this key.
    """
    body, end, rest = key.partition(END)
    name = bytearray()
    for piece in re.split(r"\+/|(?<=%2f)/", body):
        data = piece.encode()
        position = 0
        while position < len(data):
            match = _PIECE.match(data, position)
            if match is None:
                raise ValueError(f"not the key of an object: {key!r}")
            name += bytes.fromhex(match[1].decode()) if match[1] else match[2]
            position = match.end()
    decoded = name.decode()
    if not end or rest or encode(decoded) != key:
        raise ValueError(f"not the key of an object: {key!r}")
    return decoded
