"""Connections to Google's hosts, and the credentials used."""

import gzip
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httplib2
from google.auth import default
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google_auth_httplib2 import Request

from cloud.errors import Unauthenticated, Unavailable

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT = 60.0
"""Seconds without a byte after which a connection is closed."""
_SIGN_IN = "run `gcloud auth application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name a key file"


@dataclass(frozen=True, slots=True)
class Network:
    """How Google is reached. By default directly, or through the proxy in the environment's variables."""

    proxy: str | None = None
    """``http://HOST:PORT``"""
    ca_file: Path | None = None
    """Certificate authorities trusted instead of the system's."""

    def http(self, timeout: float = _TIMEOUT) -> httplib2.Http:
        """A blocking client, for one thread.

        Args:
            timeout: seconds without a byte after which it closes a connection.
        """
        options: dict[str, Any] = {"timeout": timeout}
        if self.ca_file is not None:
            options["ca_certs"] = str(self.ca_file)
        if self.proxy is not None:
            address = urlsplit(self.proxy)
            options["proxy_info"] = httplib2.ProxyInfo(httplib2.socks.PROXY_TYPE_HTTP, address.hostname, address.port)
        return _WithoutRetry(**options)

    def session(self) -> Any:
        """An ``aiohttp.ClientSession`` of the running event loop."""
        import aiohttp  # slow to import, and a dry run does not need it

        if self.proxy is None and self.ca_file is None:
            return aiohttp.ClientSession(trust_env=True)
        trusted = ssl.create_default_context(cafile=self.ca_file)
        return aiohttp.ClientSession(proxy=self.proxy, connector=aiohttp.TCPConnector(ssl=trusted))


class _WithoutRetry(httplib2.Http):  # type: ignore[misc]
    """Sends each request once. The library's client repeats a request without a response, though it may have been
    accepted (``Http._conn_request`` of httplib2 0.31)."""

    def _conn_request(
        self, conn: Any, request_uri: str, method: str, body: Any, headers: dict[str, str]
    ) -> tuple[httplib2.Response, bytes]:
        try:
            if conn.sock is None:
                conn.connect()
            conn.request(method, request_uri, body, headers)
            reply = conn.getresponse()
            content = reply.read()
        except BaseException:
            conn.close()
            raise
        response = httplib2.Response(reply)
        if response.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return response, content


class _Request(Request):  # type: ignore[misc]
    """Honours google-auth's timeouts, and raises the errors it expects.

    Without credentials google-auth looks for a metadata server, which exists only in Google's cloud. Elsewhere that
    must fail within seconds, so that the error reported is that there are no credentials.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network.http())
        self._network = network

    def __call__(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        client = self.http if timeout is None else self._network.http(timeout)
        try:
            return Request(client)(*args, **kwargs)
        except OSError as error:
            raise TransportError(error) from error  # type: ignore[no-untyped-call]
        finally:
            if client is not self.http:
                client.close()


class Identity:
    """The caller's credentials. Thread-safe.

    Args:
        credentials: google-auth's; by default the application default credentials.
    """

    def __init__(self, network: Network, credentials: Any = None) -> None:
        self._network = network
        self._credentials = credentials
        self._lock = threading.Lock()

    def token(self) -> str:
        """The current access token. Blocks while a new one is fetched.

        Raises:
            Unauthenticated: there are no credentials, or they are no longer valid.
            Unavailable: they cannot be refreshed now.
        """
        with self._lock:
            return str(self._refresh(lambda credentials, request: credentials.valid or credentials.refresh(request)))

    def renew(self) -> None:
        """Fetch a new token: Google refused the current one."""
        with self._lock:
            self._refresh(lambda credentials, request: credentials.refresh(request))

    def _refresh(self, work: Callable[[Any, _Request], object]) -> str:
        request = _Request(self._network)
        try:
            if self._credentials is None:
                self._credentials, _ = default(scopes=[_SCOPE], request=request)
            work(self._credentials, request)
        except DefaultCredentialsError as error:
            # With google-auth's reason: the variable may name a file that does not exist.
            reason = str(error).partition(". ")[0].rstrip(".")
            raise Unauthenticated(f"no credentials were found ({reason}): {_SIGN_IN}") from error
        except RefreshError as error:
            raise Unauthenticated(f"the credentials are no longer good ({error.args[0]}): {_SIGN_IN}") from error
        except (GoogleAuthError, OSError, httplib2.error.HttpLib2Error) as error:
            raise Unavailable(f"the credentials cannot be renewed: {error}") from error
        finally:
            request.http.close()
        return str(self._credentials.token)
