"""The environment variables that a user gives a job. Pure."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.gateway.environ import client_environ

_FIELD = "--env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_THE_SERVICE = frozenset({"CLUSTER_SPEC", "HOME", "PYTHONUNBUFFERED", "TF_CONFIG", "TMPDIR"})
_PREFIXES = ("AIP_", "CLOUD_ML_")
_OF_THE_CLOUD = frozenset(
    client_environ(proxy_url="", ca_file=Path(), metadata_host="", project="", credentials_file=Path())
)


def parse_variables(texts: Iterable[str]) -> dict[str, str]:
    """The variables of ``NAME=VALUE``; of one given twice the last value.

    Raises:
        InvalidArgument: not of this form, or see ``check_variables``.
    """
    variables = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidArgument(f"{text[:60]!r} is not NAME=VALUE", field=_FIELD)
        variables[name] = value
    check_variables(variables)
    return variables


def check_variables(variables: Mapping[str, str]) -> None:
    """Names as Vertex AI takes them: an identifier of C (discovery document ``aiplatform.v1``, ``EnvVar.name``).

    Raises:
        InvalidArgument: not such a name, one that the platform sets itself, or a value with a NUL.
    """
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise InvalidArgument(
                f"{name[:60]!r} is not the name of a variable: letters, digits and _, no digit first", field=_FIELD
            )
        if "\0" in value:
            raise InvalidArgument(f"the value of {name} has a NUL", field=_FIELD)
        if name in _OF_THE_SERVICE or name.startswith(_PREFIXES):
            raise InvalidArgument(f"{name} is set by the platform for each job: leave it out", field=_FIELD)
        if name in _OF_THE_CLOUD:
            raise InvalidArgument(f"{name} leads the job to this cloud and is set by it: leave it out", field=_FIELD)
