"""``KeyStore``: a key for each account that signs here, as Google keeps one for each service account."""

import hashlib
from pathlib import Path

from cloud.emulator.oauth2.private_keys import PrivateKey, generate, load
from cloud.engine.state_folder import replace_private


class KeyStore:
    """Signed URLs outlive the program that has signed them: keys are kept.

    Args:
        folder: private to this; created if missing. None: keys live as long as this.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._keys: dict[str, PrivateKey] = {}

    def own(self, email: str) -> PrivateKey:
        """The account's key, made at first use: 2048 bits of RSA take a tenth of a second."""
        # Of two threads that make one at a time, the first counts.
        return self.find(email) or self._keep(email, generate())

    def find(self, email: str) -> PrivateKey | None:
        """The account's key if one was made."""
        if (found := self._keys.get(email)) is not None or self._folder is None:
            return found
        try:
            return self._keys.setdefault(email, load(self._path(self._folder, email).read_text()))
        except (FileNotFoundError, ValueError):
            return None  # never made, or damaged: another one takes its place

    def forget(self, email: str) -> None:
        """The account is deleted: nothing that its key has signed counts, also for a later one of its name."""
        self._keys.pop(email, None)
        if self._folder is not None:
            self._path(self._folder, email).unlink(missing_ok=True)

    def _keep(self, email: str, made: PrivateKey) -> PrivateKey:
        key = self._keys.setdefault(email, made)
        if key is made and self._folder is not None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            replace_private(self._path(self._folder, email), made.pem)
        return key

    def _path(self, folder: Path, email: str) -> Path:
        return folder / f"{hashlib.sha256(email.encode()).hexdigest()[:40]}.pem"
