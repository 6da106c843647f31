"""The certificate authority of one run and the certificates it issues for Google's hosts."""

import os
import ssl
from functools import lru_cache
from pathlib import Path

import trustme

from cloud.gateway import hosts
from cloud.gateway.http2 import ALPN_PROTOCOL


class CertificateAuthority:
    """A CA whose key never leaves this process: only its certificate is written, to ``folder/ca.pem``.

    Args:
        folder: private to this user (made 0700 if it does not exist).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA(
            organization_name="offline ML cloud",
            organization_unit_name="trusted by the jobs of one run only",
            key_type=trustme.KeyType.ECDSA,
        )
        self._cached_context = lru_cache(maxsize=128)(self._issue)
        self.file = folder / "ca.pem"
        self.file.unlink(missing_ok=True)
        with os.fdopen(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._authority.cert_pem.bytes())

    def context_for(self, host: str) -> ssl.SSLContext:
        """The server-side TLS context for ``host``; SNI is ignored."""
        return self._cached_context(hosts.certificate_name(host))

    def _issue(self, name: str) -> ssl.SSLContext:
        leaf = self._authority.issue_cert(name, key_type=trustme.KeyType.ECDSA)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # In order of preference: HTTP/2 is chosen only for a client that offers nothing else.
        context.set_alpn_protocols(["http/1.1", ALPN_PROTOCOL])
        # ssl loads keys only from files: the leaf's is written for a moment, in the private folder.
        with leaf.private_key_and_cert_chain_pem.tempfile(dir=str(self._folder)) as path:
            context.load_cert_chain(path)
        return context
