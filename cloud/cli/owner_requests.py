"""What subcommands request of a running cloud, at its owner's address.

Requests to that listener need no token and are the owner's (docs/decisions/0024-callers-are-checked.md).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cloud.errors import FailedPrecondition

_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - where it is
_SECONDS = 600.0


def owner_token(url: str) -> str:
    """An access token of the owner, for ``curl`` and the like, that is valid for some minutes at least.

    Args:
        url: ``STORAGE_EMULATOR_HOST`` of the owner's environment; the metadata server there issues the owner's tokens.

    Raises:
        FailedPrecondition: no local cloud answers at ``url``.
    """
    return str(_answer(url, "GET", _TOKEN, "access_token")["access_token"])


def run_lifecycle(url: str, bucket: str) -> Mapping[str, int]:
    """Perform a bucket's lifecycle; returns how many objects and uploads it concerned, by what was done.

    Raises:
        FailedPrecondition: no local cloud answers at ``url``, or it refuses: there is no such bucket.
    """
    answer: Mapping[str, int] = _answer(url, "POST", f"/_cloud/lifecycle/{quote(bucket, safe='')}", "deleted")
    return answer


def _answer(url: str, verb: str, path: str, field: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url + path, headers={"Metadata-Flavor": "Google"}, method=verb)  # noqa: S310 - ours
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            answer = json.load(response)
        answer[field]
    except urllib.error.HTTPError as error:
        raise FailedPrecondition(_message(error)) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FailedPrecondition(f"STORAGE_EMULATOR_HOST={url}: no local cloud answers there ({error})") from None
    return answer


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answers {error.code} {error.reason}: no local cloud"
