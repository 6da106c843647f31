"""The way to Google's hosts, and the identity that is shown there."""

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
_SILENCE = 60.0
"""Seconds without a byte after which a connection is given up."""
_SIGN_IN = "run `gcloud auth application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name a key file"


@dataclass(frozen=True, slots=True)
class Network:
    """Where Google is to be found. Without arguments: directly, or as the environment's proxy variables say."""

    proxy: str | None = None
    """``http://HOST:PORT``"""
    ca_file: Path | None = None
    """Who is trusted instead of the usual authorities."""

    def http(self, silence: float = _SILENCE) -> httplib2.Http:
        """A blocking client, for one thread.

        Args:
            silence: seconds without a byte after which it gives a connection up.
        """
        given: dict[str, Any] = {"timeout": silence}
        if self.ca_file is not None:
            given["ca_certs"] = str(self.ca_file)
        if self.proxy is not None:
            address = urlsplit(self.proxy)
            given["proxy_info"] = httplib2.ProxyInfo(httplib2.socks.PROXY_TYPE_HTTP, address.hostname, address.port)
        return _Once(**given)

    def session(self) -> Any:
        """An ``aiohttp.ClientSession``, in the running event loop."""
        import aiohttp  # slow to load, and a dry run needs none

        if self.proxy is None and self.ca_file is None:
            return aiohttp.ClientSession(trust_env=True)
        trusted = ssl.create_default_context(cafile=self.ca_file)
        return aiohttp.ClientSession(proxy=self.proxy, connector=aiohttp.TCPConnector(ssl=trusted))


class _Once(httplib2.Http):  # type: ignore[misc]
    """Sends each request once. The library's own client sends one whose answer never came again, whatever it is
    (``Http._conn_request`` of httplib2 0.31), though it may have been accepted."""

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
    """Keeps to the time that google-auth gives a request, and fails as it expects.

    Where there are no credentials it looks for a metadata server, which only machines in Google's cloud have. On others
    that is to be found out in seconds, so that what is said is that there are no credentials.
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
    """Who asks. May be used by several threads.

    Args:
        credentials: google-auth's; those that are found where Google's libraries look by default.
    """

    def __init__(self, network: Network, credentials: Any = None) -> None:
        self._network = network
        self._credentials = credentials
        self._lock = threading.Lock()

    def token(self) -> str:
        """The access token of now. Blocks while a new one is fetched.

        Raises:
            Unauthenticated: there are no credentials, or they are no longer good.
            Unavailable: nobody is there to renew them.
        """
        with self._lock:
            return str(self._signed_in(lambda credentials, request: credentials.valid or credentials.refresh(request)))

    def renew(self) -> None:
        """Have the next token be a new one: Google refused the present one."""
        with self._lock:
            self._signed_in(lambda credentials, request: credentials.refresh(request))

    def _signed_in(self, work: Callable[[Any, _Request], object]) -> str:
        request = _Request(self._network)
        try:
            if self._credentials is None:
                self._credentials, _ = default(scopes=[_SCOPE], request=request)
            work(self._credentials, request)
        except DefaultCredentialsError as error:
            # Its words, too: the variable may name a file that is not there.
            reason = str(error).partition(". ")[0].rstrip(".")
            raise Unauthenticated(f"no credentials were found ({reason}): {_SIGN_IN}") from error
        except RefreshError as error:
            raise Unauthenticated(f"the credentials are no longer good ({error.args[0]}): {_SIGN_IN}") from error
        except (GoogleAuthError, OSError, httplib2.error.HttpLib2Error) as error:
            raise Unavailable(f"the credentials cannot be renewed: {error}") from error
        finally:
            request.http.close()
        return str(self._credentials.token)
