"""One request of an API with a discovery document, read and checked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.schemas import Schemas
from cloud.engine.principal import Principal
from cloud.errors import Aborted, InvalidArgument, Unauthenticated
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry

_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
JOB_LOG = "write_log"
"""Key of a request's ``Call.write_log``."""
NO_CREDENTIAL = f"Request is missing required authentication credential. {_EXPECTED}"
BAD_CREDENTIAL = f"Request had invalid authentication credentials. {_EXPECTED}"


@dataclass(slots=True, eq=False)  # not frozen: that takes a prediction longer than most else that is done here
class Call:
    method: Method
    name: str
    """The resource in the path, with the project's id: ``projects/P/jobs/J``."""
    query: Mapping[str, Json]
    body: Mapping[str, Json] = field(repr=False)
    """In normal form."""
    content: bytes = field(repr=False)
    """The body as it was sent."""
    principal: Principal
    host: str
    """Of the request, with its port if it was given."""
    schemas: Schemas
    """Of the API."""
    write_log: Callable[[LogEntry], None] | None = None
    """Appends to the log of the job whose program is the caller; None: it is no program of a job, or of one that
    cannot be told from others."""

    @property
    def ids(self) -> list[str]:
        """What follows the collections in ``name``: project, model, version."""
        return self.name.split("/")[1::2]

    @property
    def below_project(self) -> str:
        """``name`` without the project: ``locations/us-central1/models/M``."""
        return self.name.split("/", 2)[2]

    def mask(self, *allowed: str) -> set[str]:
        """The paths in ``updateMask``, in camel case.

        Raises:
            InvalidArgument: none, or another one than ``allowed``.
        """
        return read_mask(self.query.get("updateMask", ""), *allowed)


def read_mask(text: str, *allowed: str) -> set[str]:
    """The paths of a ``google.protobuf.FieldMask``, in camel case.

    Raises:
        InvalidArgument: none, or another one than ``allowed``.
    """
    paths = {_camel(path.strip()) for path in text.split(",") if path.strip()}
    if not paths:
        raise InvalidArgument("An update mask is required.", field="update_mask")
    wrong = sorted(paths - set(allowed))
    if wrong:
        raise InvalidArgument(
            f"{wrong[0][:100]!r} cannot be updated, only {', '.join(sorted(allowed))}.", field="update_mask"
        )
    return paths


def masked(fields: Mapping[str, Json], mask: Iterable[str], body: Mapping[str, Json]) -> dict[str, Json]:
    """``fields`` with the values of ``body`` at the paths of ``mask``, of at most two names; what is absent there is
    removed.
    """
    changed = dict(fields)
    for path in mask:
        name, _, below = path.partition(".")
        value = body.get(name)
        if below:
            inner = {**changed.get(name, {}), below: (value or {}).get(below)}
            value = {key: item for key, item in inner.items() if item is not None}
        changed[name] = value
    return {name: value for name, value in changed.items() if value is not None}


def check_etag(given: str | None, current: str) -> None:
    """Raises:
    Aborted: the resource was changed since ``given`` was read.
    """
    if given not in (None, current):
        raise Aborted("The etag is not that of the resource: it was changed meanwhile. Read it again, then retry.")


def require_credential(principal: Principal) -> None:
    """Raises:
    Unauthenticated: the caller is anonymous.
    """
    if principal.is_anonymous:
        raise Unauthenticated(NO_CREDENTIAL)


def _camel(path: str) -> str:
    return ".".join(part[:1] + part.title().replace("_", "")[1:] if "_" in part else part for part in path.split("."))
