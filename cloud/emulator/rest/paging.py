"""Lists in pages: ``pageSize``, ``pageToken``, ``nextPageToken``. Pure.

Rules: https://google.aip.dev/158. A token names the last item of a page, so that changes in between neither repeat an
item nor skip one.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.errors import InvalidArgument
from cloud.resources import Json

DEFAULT_SIZE, LARGEST_SIZE = 20, 100
"""Items on a page (discovery document ``ml.v1``, parameter ``pageSize`` of every list)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A requested page."""

    size: int
    after: str
    """Key of the last item of the page before it; empty for the first page."""
    _mark: str

    def token(self, last: str) -> str:
        """Of the page that follows the item with the key ``last``."""
        return base64.urlsafe_b64encode(json.dumps([self._mark, last]).encode()).decode()


def read_page(query: Mapping[str, Json], scope: str) -> Page:
    """
    Args:
        query: checked parameters of the request.
        scope: of a token, together with the filter: the same list.

    Raises:
        InvalidArgument: a negative size, or a token of another list.
    """
    size = query.get("pageSize") or DEFAULT_SIZE
    if size < 0:
        raise InvalidArgument(f"The page size must not be negative: {size}", field="page_size")
    mark = hashlib.sha256(f"{scope}\n{query.get('filter', '')}".encode()).hexdigest()[:8]
    token = query.get("pageToken")
    return Page(min(size, LARGEST_SIZE), _read(token, mark) if token else "", mark)


def _read(token: str, mark: str) -> str:
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    match found:
        case [str(given), str(last)] if given == mark and last:
            return last
    raise InvalidArgument("The page token is not one of this list with this filter.", field="page_token")
