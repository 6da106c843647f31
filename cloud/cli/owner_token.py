"""An access token of a running cloud's owner, for what takes one by hand: ``curl``, mostly."""

import json
import urllib.request

from cloud.errors import FailedPrecondition

_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


def owner_token(door: str) -> str:
    """A token good for some minutes at least.

    Args:
        door: ``STORAGE_EMULATOR_HOST`` of the owner's environment. What comes in there is the owner's (see
            docs/decisions/0006-the-owners-door.md), and so is what its metadata server hands out.

    Raises:
        FailedPrecondition: nothing of ours is there.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(door + _PATH, headers={"Metadata-Flavor": "Google"})  # noqa: S310 - of ours
        with opener.open(request, timeout=10) as answer:
            return str(json.load(answer)["access_token"])
    except (OSError, ValueError, KeyError) as error:
        raise FailedPrecondition(f"STORAGE_EMULATOR_HOST={door}: no local cloud answers there ({error})") from None
