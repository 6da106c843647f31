"""The errors of uv in our words, which name the mend. Pure."""

import re
from enum import StrEnum

from cloud.errors import FailedPrecondition

ERROR_STARTS = ("error:", "\u00d7")
"""Of the line where an error begins."""
MEND_INSTALL = "uv is not installed: pip install 'offline-ml-cloud[runtimes]'"


class Reason(StrEnum):
    """Why uv failed."""

    MISSING = "uv is not installed"
    SILENT = "an index does not answer"
    UNAUTHORIZED = "an index refuses the credentials"
    HASH = "an index holds a file with another hash than it says"
    NOT_CACHED = "not cached, and the network is not used"
    NOT_FOUND = "no index knows the name"
    NO_VERSION = "no index has such a version"
    NO_WHEEL = "no wheel that fits"
    CONFLICT = "requirements contradict each other"
    UNREADABLE = "a requirement cannot be read"
    UNWRITABLE = "a disk is full, or a folder cannot be written"
    OTHER = "anything else"


class UvError(FailedPrecondition):
    """uv failed.

    Args:
        detail: what it wrote, without secrets; one line.
    """

    def __init__(
        self, message: str, *, field: str | None = None, reason: Reason = Reason.OTHER, detail: str = ""
    ) -> None:
        super().__init__(message, field=field)
        self.reason = reason
        self.detail = detail


def redact(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """``text`` without the logins in URLs, tokens in their queries, and ``secrets``."""
    text = re.sub(r"(\w+://)[^/\s@]+@", r"\1****@", text)
    text = re.sub(r"(?i)([?&][\w-]*(?:token|key|password|secret|sig|signature)=)[^&\s#]+", r"\1****", text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "****")
    return text


def explain(output: str) -> UvError:
    """The error for what uv wrote, in the form of any version since 0.5."""
    text = " ".join(re.sub(r"[\u00d7\u2500-\u25ff]", " ", output).split())  # the cross and the lines of a tree
    text = re.sub(r"^.*?(?=error: |No solution found)", "", text)
    for reason, pattern, message in _PATTERNS:
        if match := re.search(pattern, text):
            return UvError(message(match) if callable(message) else message, reason=reason, detail=text)
    return UvError(f"uv failed: {text[:_LONGEST]}", detail=text)


_LONGEST = 2000


def _host(match: re.Match[str]) -> str:
    return match["url"].rstrip("`'\").,") if match["url"] else ""


def _silent(match: re.Match[str]) -> str:
    cause = match["cause"].strip(" .:") if match["cause"] else ""
    # The most specific cause comes last.
    cause = re.split(r"(?:cause|Caused by): ", cause)[-1].strip()
    return (
        f"the package index {_host(match)} does not answer ({cause or 'no connection'}): check the network and the "
        "index, or use --requirements offline"
    )


def _unauthorized(match: re.Match[str]) -> str:
    return (
        f"the package index {_host(match)} refuses the credentials ({match['status']}): put them into the URL of "
        "PIP_INDEX_URL or UV_DEFAULT_INDEX, or into ~/.netrc"
    )


def _hash(match: re.Match[str]) -> str:
    return (
        f"the package index holds {match['name']} with another hash than it says (expected {match['expected']}, got "
        f"{match['got']}): the file was damaged or replaced, and is not installed"
    )


def _unwritable(match: re.Match[str]) -> str:
    return (
        f"{match['cause']}: free some space, or point CLOUD_RUNTIMES (the store of runtimes) and UV_CACHE_DIR (uv's "
        "cache) to folders on a disk that can be written"
    )


_PATTERNS = (
    (
        Reason.UNWRITABLE,
        r"(?P<cause>(?:No space left on device|Disk quota exceeded|File too large|Read-only file system|"
        r"Permission denied|Not a directory)|Failed to initialize cache at `[^`]+`.*?)(?: \(os error|$)",
        _unwritable,
    ),
    (
        Reason.HASH,
        r"Hash mismatch for `(?P<name>[^`]+)`.*?Expected: (?P<expected>\S+).*?Computed: (?P<got>\S+)",
        _hash,
    ),
    (Reason.UNAUTHORIZED, r"\((?P<url>\w+://[^)]+)\)[^.]*?(?P<status>40[13] \w+)", _unauthorized),
    (Reason.UNAUTHORIZED, r"(?P<status>40[13] (?:Unauthorized|Forbidden))\) for url \((?P<url>[^)]+)\)", _unauthorized),
    (
        Reason.SILENT,
        r"(?:Failed to (?:fetch|download)[^`]*?:? `?(?P<url>\w+://\S+)|Request failed|Failed to download[^:]*)"
        r"(?P<cause>.*?(?:error sending request|operation timed out|dns error|[Cc]onnection|status server error|"
        r"request or response body error|timed? ?out).*?)(?:$|hint:)",
        _silent,
    ),
    (
        Reason.NOT_CACHED,
        r"[Nn]etwork (?:was|is|connectivity is) disabled|not found in the cache|but the network",
        "neither installed nor cached, and the network is not used",
    ),
    (
        Reason.UNREADABLE,
        r"Couldn't parse requirement in `[^`]*`(?: at position \d+)? (?:cause: |Caused by: )?(?P<cause>.*)",
        lambda match: f"a requirement cannot be read: {match['cause']}",
    ),
    (
        Reason.NOT_FOUND,
        r"(?:Because )?(?P<name>[\w.-]+(?:\[[\w,-]+\])?) was not found in the (?:package registry|provided package)",
        lambda match: f"{match['name']} is not in the package index",
    ),
    (
        Reason.NO_WHEEL,
        r"no wheels with a matching|no usable wheels|has no wheels|does not satisfy Python|Python>=|"
        r"building from source is disabled",
        lambda match: match.string,
    ),
    (Reason.NO_VERSION, r"no versions? of|[Oo]nly .* (?:is|are) available", lambda match: match.string),
    (Reason.CONFLICT, r"No solution found", lambda match: match.string),
)
