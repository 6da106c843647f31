"""``Build`` as a request has it: checked, with substitutions and defaults in place, as it is recorded. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.emulator.cloudbuild_v1.addresses import logs_bucket
from cloud.emulator.cloudbuild_v1.logs import log_uri
from cloud.emulator.cloudbuild_v1.substitutions import OF_TRIGGERS, Substitutions
from cloud.emulator.cloudbuild_v1.tables import GLOBAL
from cloud.engine.images.names import parse_name
from cloud.engine.project.identities import compute_account
from cloud.errors import CloudError, InvalidArgument
from cloud.names import GsUri
from cloud.resources import Json

_GIVEN = (
    *("artifacts", "images", "logsBucket", "options", "queueTtl", "serviceAccount", "source", "steps"),
    *("substitutions", "tags", "timeout"),
)
"""The fields of a build that a request gives; the others are the service's."""
_OF_STEPS = (
    *("allowExitCodes", "allowFailure", "args", "automapSubstitutions", "dir", "entrypoint", "env", "id", "name"),
    *("script", "timeout", "volumes", "waitFor"),
)
_TIMEOUT, _QUEUE_TTL = 3600, 3600
"""Seconds, if the request gives none (discovery document ``cloudbuild.v1``, schema ``Build``)."""
_LONGEST = 24 * 3600
_MOST_STEPS, _MOST_TAGS = 300, 64
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_ACCOUNT = re.compile(r"projects/[^/]+/serviceAccounts/(?P<email>[^/]+)")
WITHOUT_LOGS = frozenset({"NONE", "STACKDRIVER_ONLY", "CLOUD_LOGGING_ONLY"})
"""Modes of logging in which no object is written."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a build is requested, and its id."""

    project: str
    number: int
    location: str
    build: str


def accepted(given: Mapping[str, Json], origin: Origin) -> dict[str, Json]:
    """The build as it is recorded when it is queued, without its times.

    Raises:
        InvalidArgument: it is none that can be run here.
    """
    build = {name: given[name] for name in _GIVEN if name in given}
    _check_absent(given)
    build["steps"] = _steps(given.get("steps", ()))
    if account := build.get("serviceAccount"):
        service_account(account)
    options = build.get("options", {})
    substitutions = Substitutions(
        build.get("substitutions", {}),
        _built_in(origin, build),
        loose=options.get("substitutionOption") == "ALLOW_LOOSE",
        dynamic=options.get("dynamicSubstitutions", False),
    )
    build = substitutions.apply(build)
    _map_into_scripts(build, substitutions)
    _check_images([*build.get("images", ()), *build.get("artifacts", {}).get("images", ())])
    _check_tags(build.get("tags", ()))
    build["timeout"] = _duration(build.get("timeout", f"{_TIMEOUT}s"), "build.timeout")
    build["queueTtl"] = _duration(build.get("queueTtl", f"{_QUEUE_TTL}s"), "build.queue_ttl")
    if "source" in build:
        _check_source(build["source"])
    bucket = _logs_bucket(build, origin)
    build["options"] = {"logging": "LEGACY", **build.get("options", {})}
    if bucket:
        build["logsBucket"] = bucket
    return build


def service_account(text: str) -> str:
    """The e-mail address in ``projects/PROJECT/serviceAccounts/EMAIL``.

    Raises:
        InvalidArgument: it is no such name.
    """
    found = _ACCOUNT.fullmatch(text)
    if found is None:
        raise InvalidArgument(
            f"Must be of form projects/PROJECT/serviceAccounts/EMAIL: {text[:200]!r}.", field="build.service_account"
        )
    return found["email"]


def images_of(build: Mapping[str, Json]) -> list[str]:
    """What is pushed at its end."""
    return list(dict.fromkeys([*build.get("images", ()), *build.get("artifacts", {}).get("images", ())]))


def _check_absent(given: Mapping[str, Json]) -> None:
    if given.get("secrets") or given.get("availableSecrets"):
        raise InvalidArgument(
            "Secrets are not emulated, as neither Secret Manager nor Cloud KMS is: leave them out.",
            field="build.available_secrets",
        )
    other = sorted(given.get("artifacts", {}).keys() - {"images"})
    if other:
        raise InvalidArgument(
            f"Of artifacts only images are kept here, not {', '.join(other)}: leave them out.", field="build.artifacts"
        )
    options = given.get("options", {})
    if options.get("workerPool") or options.get("pool"):
        raise InvalidArgument(
            "There are no worker pools here, builds run on this machine: leave the pool out.",
            field="build.options.pool",
        )


def _steps(given: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    if not 1 <= len(given) <= _MOST_STEPS:
        raise InvalidArgument(f"invalid build: from 1 to {_MOST_STEPS} steps, not {len(given)}.", field="build.steps")
    known: set[str] = set()
    for at, step in enumerate(given):
        field = f"build.steps[{at}]"
        if not step.get("name"):
            raise InvalidArgument(
                f"invalid build: build step {at} must specify the image that runs it.", field=f"{field}.name"
            )
        if step.get("secretEnv"):
            raise InvalidArgument("Secrets are not emulated: leave them out.", field=f"{field}.secret_env")
        if step.get("script") and (step.get("args") or step.get("entrypoint")):
            raise InvalidArgument("A step has a script, or args and an entrypoint.", field=f"{field}.script")
        missing = [other for other in step.get("waitFor", ()) if other not in known | {"-"}]
        if missing:
            raise InvalidArgument(
                f"invalid build: build step {at} depends on {missing[0][:100]!r}, which is no id of a step before it.",
                field=f"{field}.wait_for",
            )
        if step.get("id") in known:
            raise InvalidArgument(f"invalid build: two steps have the id {step['id'][:100]!r}.", field=f"{field}.id")
        known.add(step.get("id", ""))
        if "timeout" in step:
            _duration(step["timeout"], f"{field}.timeout")
    return [{name: step[name] for name in _OF_STEPS if name in step} for step in given]


def _built_in(origin: Origin, build: Mapping[str, Json]) -> dict[str, str]:
    account = build.get("serviceAccount", "")
    email = account.rpartition("/")[2] or compute_account(origin.project).email
    return {
        "PROJECT_ID": origin.project,
        "PROJECT_NUMBER": str(origin.number),
        "BUILD_ID": origin.build,
        "LOCATION": origin.location,
        "SERVICE_ACCOUNT": account or f"projects/{origin.project}/serviceAccounts/{email}",
        "SERVICE_ACCOUNT_EMAIL": email,
    }


def _map_into_scripts(build: Mapping[str, Json], substitutions: Substitutions) -> None:
    """``automapSubstitutions``: variables of the steps that ask for it."""
    of_all = build.get("options", {}).get("automapSubstitutions", False)
    known = dict.fromkeys(OF_TRIGGERS, "") | substitutions.automapped()
    for step in build["steps"]:
        if step.get("automapSubstitutions", of_all):
            step["env"] = [*(f"{name}={value}" for name, value in known.items()), *step.get("env", ())]


def _check_images(images: Sequence[str]) -> None:
    for image in images:
        parse_name(image, "build.images")


def _check_tags(tags: Sequence[str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise InvalidArgument(f"At most {_MOST_TAGS} tags, not {len(tags)}.", field="build.tags")
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise InvalidArgument(
                f"A tag is 1 to 128 letters, digits, underscores, periods and hyphens: {tag[:100]!r}.",
                field="build.tags",
            )


def seconds(duration: str) -> float:
    """Of a ``google.protobuf.Duration``."""
    return float(duration.removesuffix("s"))


def _duration(text: str, field: str) -> str:
    if not 0 < seconds(text) <= _LONGEST:
        raise InvalidArgument(f"From 1s to {_LONGEST}s, not {text}.", field=field)
    return text


def _check_source(source: Mapping[str, Json]) -> None:
    found = source.get("storageSource")
    if found is None:
        kinds = ", ".join(sorted(source)) or "an empty one"
        raise InvalidArgument(
            f"Only storageSource can be a build's source here, not {kinds}: repositories are not emulated. Upload an "
            "archive, as `gcloud builds submit FOLDER` does.",
            field="build.source",
        )
    if not found.get("object"):
        raise InvalidArgument("The name of the archive is missing.", field="build.source.storage_source.object")
    try:
        GsUri(found.get("bucket", ""), found["object"])
    except CloudError as error:
        raise InvalidArgument(error.message, field="build.source.storage_source.bucket") from None


def _logs_bucket(build: Mapping[str, Json], origin: Origin) -> str:
    """With gs://; empty if no log is written to one."""
    options = build.get("options", {})
    logging, regional = options.get("logging"), options.get("defaultLogsBucketBehavior") == "REGIONAL_USER_OWNED_BUCKET"
    named = build.get("logsBucket", "")
    if named:
        log_uri(named, origin.build)
        return named if named.startswith("gs://") else f"gs://{named}"
    if build.get("serviceAccount") and not regional and logging not in ("CLOUD_LOGGING_ONLY", "NONE"):
        raise InvalidArgument(
            "if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) use "
            "the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use either "
            "CLOUD_LOGGING_ONLY / NONE logging options: invalid argument"
        )
    if logging in WITHOUT_LOGS:
        return ""
    if regional:
        region = "us-central1" if origin.location == GLOBAL else origin.location
        return f"gs://{origin.project.replace('google', 'elgoog')}_{region}_cloudbuild/logs"
    return f"gs://{logs_bucket(origin.number)}"
