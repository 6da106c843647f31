"""Labels, as any resource of Google's may have them."""

from collections.abc import Mapping

from cloud.errors import InvalidArgument

MOST_LABELS = 64
"""Discovery documents ``ml.v1`` and ``aiplatform.v1``."""


def check_labels(labels: Mapping[str, str], field: str) -> None:
    """Raises:
    InvalidArgument: more labels than any resource may have.
    """
    if len(labels) > MOST_LABELS:
        raise InvalidArgument(f"At most {MOST_LABELS} labels, not {len(labels)}.", field=field)
