"""Labels, as any resource of Google's may have them.

Rule and text: an answer of Vertex AI's in statmike/vertex-ai-mlops#6. Which letters are international ones is in the
discovery documents of other services, as ``[\\p{Ll}\\p{Lo}\\p{N}_-]``.
"""

import unicodedata
from collections.abc import Mapping

from cloud.errors import InvalidArgument

MOST_LABELS = 64
"""Discovery documents ``ml.v1`` and ``aiplatform.v1``."""
_LONGEST, _MOST_BYTES = 63, 127
_LETTERS_AND_NUMBERS = frozenset({"Ll", "Lo", "Nd", "Nl", "No"})
_RULE = (
    f"There can be no more than {MOST_LABELS} labels attached to a single resource. Label keys and values can only "
    "contain lowercase letters, numbers, dashes and underscores. Label keys must start with a letter or number, must "
    "be less than 64 characters in length, and must be less than 128 bytes in length when encoded in UTF-8. Label "
    "values must be less than 64 characters in length, and must be less than 128 bytes in length when encoded in UTF-8."
)


def check_labels(labels: Mapping[str, str], field: str) -> None:
    """Raises:
    InvalidArgument: a key or value is none of a label, or there are more than any resource may have.
    """
    if len(labels) > MOST_LABELS:
        raise InvalidArgument(f"{_RULE} These are {len(labels)}.", field=field)
    for key, value in labels.items():
        if not (_is_legal(key) and key[:1] not in ("", "_", "-")):
            raise InvalidArgument(f"{_RULE} No such key is {key[:100]!r}.", field=field)
        if not _is_legal(value):
            raise InvalidArgument(f"{_RULE} No such value is {value[:100]!r}, of {key!r}.", field=field)


def _is_legal(text: str) -> bool:
    if len(text) > _LONGEST or len(text.encode(errors="surrogatepass")) > _MOST_BYTES:
        return False
    return all(letter in "_-" or unicodedata.category(letter) in _LETTERS_AND_NUMBERS for letter in text)
