"""``Api``: what the checks and the pictures ask of the learner's cloud, as its owner and only to read."""

import http.client
import json
import urllib.parse
from collections.abc import Iterator, Mapping

from cloud.errors import FailedPrecondition
from cloud.resources import Json

_TIMEOUT = 30.0
_STORAGE = "storage.googleapis.com"


class NotThere(Exception):
    """What was asked for does not exist, or may not be seen.

    Args:
        status: of HTTP.
        reason: Google's words.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Api:
    """Args:
    environ: with the variables of ``cloud.serve``.

    Raises:
        FailedPrecondition: they are not there.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("STORAGE_EMULATOR_HOST", "")
        if not address.startswith("http://"):
            raise FailedPrecondition("this notebook has no cloud: start it by python -m cloud.lab")
        self._address = address.removeprefix("http://").rstrip("/")
        self._project = environ.get("GOOGLE_CLOUD_PROJECT", "")

    def get(self, host: str, path: str, **query: str) -> Json:
        """Raises:
        NotThere: the answer is an error of the client's.
        FailedPrecondition: the cloud does not answer.
        """
        return json.loads(self._send("GET", host, f"{path}?{urllib.parse.urlencode(query)}" if query else path))

    def send(self, host: str, path: str, body: Json) -> Json:
        """A method that is called by POST. Raises: as ``get``."""
        return json.loads(self._send("POST", host, path, json.dumps(body)))

    def entries(self, log_filter: str) -> list[Json]:
        """Log entries, oldest first.

        https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
        """
        body = {"resourceNames": [f"projects/{self._project}"], "filter": log_filter, "pageSize": 1000}
        body["orderBy"] = "timestamp asc"
        return list(self.send("logging.googleapis.com", "/v2/entries:list", body).get("entries", []))

    def objects(self, bucket: str, prefix: str = "") -> Iterator[Json]:
        """The objects below ``prefix``, as the JSON API lists them."""
        query = {"prefix": prefix}
        while True:
            page = self.get(_STORAGE, f"/storage/v1/b/{bucket}/o", **query)
            yield from page.get("items", [])
            if not (token := page.get("nextPageToken")):
                return
            query["pageToken"] = token

    def read(self, bucket: str, name: str) -> bytes:
        """An object's bytes."""
        quoted = urllib.parse.quote(name, safe="")
        return self._send("GET", _STORAGE, f"/storage/v1/b/{bucket}/o/{quoted}?alt=media")

    def _send(self, method: str, host: str, path: str, body: str = "") -> bytes:
        # The owner's door takes requests without a token, for every host.
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT)
        try:
            connection.request(method, path, body or None, {"Host": host, "Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise FailedPrecondition(f"the cloud does not answer ({error}): is it still running?") from None
        finally:
            connection.close()
        if response.status >= 500:
            raise FailedPrecondition(f"the cloud answered {response.status}: {_reason(content)}")
        if response.status >= 400:
            raise NotThere(response.status, _reason(content))
        return content


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return content[:300].decode(errors="replace")
