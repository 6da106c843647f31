"""An access token of a running cloud's owner, for ``curl`` and the like."""

import json
import urllib.request

from cloud.errors import FailedPrecondition

_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


def owner_token(url: str) -> str:
    """A token that is valid for some minutes at least.

    Args:
        url: ``STORAGE_EMULATOR_HOST`` of the owner's environment. Requests to that listener need no token and are the
            owner's (docs/decisions/0024-callers-are-checked.md); the metadata server there issues the owner's tokens.

    Raises:
        FailedPrecondition: no local cloud answers at ``url``.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url + _PATH, headers={"Metadata-Flavor": "Google"})  # noqa: S310 - ours
        with opener.open(request, timeout=10) as response:
            return str(json.load(response)["access_token"])
    except (OSError, ValueError, KeyError) as error:
        raise FailedPrecondition(f"STORAGE_EMULATOR_HOST={url}: no local cloud answers there ({error})") from None
