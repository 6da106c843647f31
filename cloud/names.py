"""Google's resource names, parsed, checked and formatted: ``gs://`` URIs, ids, projects, buckets."""

import re
from dataclasses import dataclass
from fnmatch import translate

from cloud.errors import InvalidArgument

_EMAIL = re.compile(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9_.-]*[a-z0-9]")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
WILDCARDS = frozenset("*?[")
ID_RULE = "A name should start with a letter and contain only letters, numbers and underscores."
"""ML Engine v1's message for an illegal id."""


def is_id(value: str) -> bool:
    """Whether ``value`` is a legal job, model or version id (ML Engine v1, "managing models and jobs")."""
    return _ID.fullmatch(value) is not None


def check_id(value: str, field: str) -> str:
    """Return ``value`` if it is a legal job, model or version id.

    Raises:
        InvalidArgument: naming ``field``.
    """
    if not is_id(value):
        raise InvalidArgument(f"{ID_RULE[:-1]}, at most 128 of them: {value[:200]!r}", field=field)
    return value


def check_number(value: str, field: str) -> str:
    """Return ``value`` if it is an id as Vertex AI assigns them: a positive int64 in digits.

    Raises:
        InvalidArgument: naming ``field``.
    """
    if not _NUMBER.fullmatch(value):
        raise InvalidArgument(f"not an id of at most 19 digits: {value[:200]!r}", field=field)
    return value


def check_project(value: str) -> str:
    """Return ``value`` if it is a legal project id (6 to 30 of ``a-z0-9-``, a letter first, no hyphen last)."""
    if not _PROJECT.fullmatch(value):
        raise InvalidArgument(
            "a project id is 6 to 30 lower-case letters, digits and hyphens, starts with a letter and does not end "
            f"with a hyphen: {value[:200]!r}",
            field="project",
        )
    return value


def check_module(value: str) -> str:
    """Return ``value`` if it is a dotted Python module name such as ``trainer.task``."""
    if not _MODULE.fullmatch(value):
        raise InvalidArgument(f"not a Python module name such as trainer.task: {value[:200]!r}", field="python_module")
    return value


def check_bucket(value: str) -> str:
    """Return ``value`` if it is a legal bucket name (https://cloud.google.com/storage/docs/buckets#naming)."""
    problem = _bucket_problem(value)
    if problem:
        raise InvalidArgument(f"Invalid bucket name {value[:260]!r}: {problem}", field="bucket")
    return value


def check_public_bucket(value: str) -> str:
    """Return ``value`` if it is a legal bucket name, or one that only Google may give (``google-cloud-aiplatform``)."""
    problem = _bucket_problem(value, is_googles=True)
    if problem:
        raise InvalidArgument(f"Invalid bucket name {value[:260]!r}: {problem}", field="bucket")
    return value


def _bucket_problem(value: str, *, is_googles: bool = False) -> str | None:
    if not 3 <= len(value) <= 222 or ("." not in value and len(value) > 63):
        return "a name has 3 to 63 characters (up to 222 with dots)"
    if any(len(part) > 63 or not part for part in value.split(".")):
        return "each part between dots has 1 to 63 characters"
    if not _BUCKET.fullmatch(value):
        return "use lower-case letters, digits, '-', '_' and '.', with a letter or digit first and last"
    if _IP_ADDRESS.fullmatch(value):
        return "it looks like an IP address"
    if not is_googles and (value.startswith("goog") or "google" in value or "g00gle" in value):
        return "it may not begin with 'goog' or contain 'google'"
    return None


def check_email(value: str) -> str:
    """Return ``value`` if it is an e-mail address."""
    if not _EMAIL.fullmatch(value):
        raise InvalidArgument(f"not an e-mail address: {value[:200]!r}", field="account")
    return value


def check_object(value: str) -> str:
    """Return ``value`` if it is a legal object name (https://cloud.google.com/storage/docs/objects#naming)."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidArgument(f"an object name is valid Unicode: {value[:200]!r}", field="object") from None
    if not 1 <= size <= 1024:
        raise InvalidArgument(f"an object name has 1 to 1024 bytes in UTF-8, this one {size}", field="object")
    if "\r" in value or "\n" in value:
        raise InvalidArgument(f"an object name has no line breaks: {value[:200]!r}", field="object")
    if value in (".", "..") or value.startswith(".well-known/acme-challenge/"):
        raise InvalidArgument(f"this object name is reserved: {value!r}", field="object")
    return value


@dataclass(frozen=True, order=True, slots=True)
class GsUri:
    """A location in Cloud Storage: a bucket (empty ``path``), an object, a prefix, or a pattern with wildcards.

    ``str()`` and ``parse`` are inverse: ``GsUri.parse(str(uri)) == uri``.

    Raises:
        InvalidArgument: an illegal bucket name.
    """

    bucket: str
    path: str = ""

    def __post_init__(self) -> None:
        check_bucket(self.bucket)

    @classmethod
    def parse(cls, text: str, field: str = "uri") -> "GsUri":
        """Read ``gs://BUCKET[/PATH]``.

        Raises:
            InvalidArgument: another scheme, or an illegal bucket name.
        """
        if not text.startswith("gs://"):
            raise InvalidArgument(f"Must be of form gs://bucket/object: {text[:300]!r}", field=field)
        bucket, _, path = text[len("gs://") :].partition("/")
        try:
            return cls(bucket, path)
        except InvalidArgument as error:
            raise InvalidArgument(error.message, field=field) from None

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.path}" if self.path else f"gs://{self.bucket}"

    def __truediv__(self, part: str) -> "GsUri":
        """Join as a folder: exactly one slash between."""
        return GsUri(self.bucket, f"{self.path.rstrip('/')}/{part}" if self.path else part)

    def as_folder(self) -> "GsUri":
        """The prefix of the objects "in" this folder: ends with a slash unless it is a whole bucket."""
        return self if not self.path or self.path.endswith("/") else GsUri(self.bucket, self.path + "/")

    @property
    def name(self) -> str:
        """The last part of the path, without a trailing slash."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def literal_prefix(self) -> str:
        """The part of ``path`` before its first wildcard; all of it where there is none."""
        cut = min((self.path.index(character) for character in WILDCARDS if character in self.path), default=None)
        return self.path if cut is None else self.path[:cut]

    def has_wildcard(self) -> bool:
        return self.literal_prefix != self.path

    def matches(self, object_name: str) -> bool:
        """Whether this URI names the object: by pattern as in gsutil (``*`` and ``?`` within one folder, ``**`` across
        folders), or as the object itself or a folder that holds it."""
        if self.has_wildcard():
            return re.fullmatch(_pattern(self.path), object_name, re.DOTALL) is not None
        return not self.path or object_name == self.path or object_name.startswith(self.as_folder().path)


def _pattern(path: str) -> str:
    expression = ""
    for piece in re.split(r"(\*\*|\*|\?|\[[^\]]*\])", path):
        match piece:
            case "**":
                expression += ".*"
            case "*":
                expression += "[^/]*"
            case "?":
                expression += "[^/]"
            case _ if piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
                expression += translate(piece).removeprefix("(?s:").removesuffix(r")\Z")
            case _:
                expression += re.escape(piece)
    return expression
