"""Who can have signed: the keys of service accounts, seen from a signature."""

from collections.abc import Callable

from cloud.engine.principal import Principal

Signers = Callable[[str, bytes, bytes], Principal | None]
"""The account of an e-mail address if a key of it has signed these bytes so (RSA with SHA-256); else None."""
