"""gcloud's properties: files in ``CLOUDSDK_CONFIG``'s folder, and variables ``CLOUDSDK_SECTION_NAME`` above them.

Format and precedence: https://cloud.google.com/sdk/docs/properties, https://cloud.google.com/sdk/docs/configurations.
"""

import configparser
import os
import re
from pathlib import Path

from cloud.stand_ins.failures import Failure

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
NONE = "NONE"


class Configuration:
    """One named configuration.

    Args:
        name: None: the active one.
    """

    def __init__(self, name: str | None = None) -> None:
        self.folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
        self.name = name or os.environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or self._active()
        self.overrides: dict[str, str] = {}
        """By flags of the command, by ``section/name``."""

    def _active(self) -> str:
        try:
            return (self.folder / "active_config").read_text().strip() or "default"
        except OSError:
            return "default"

    @property
    def _file(self) -> Path:
        return self.folder / "configurations" / f"config_{self.name}"

    def names(self) -> list[str]:
        """Of all configurations."""
        found = (path.name.removeprefix("config_") for path in (self.folder / "configurations").glob("config_*"))
        return sorted({*found, "default"} if self.name == "default" else set(found))

    def activate(self, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "active_config").write_text(name)

    def create(self, name: str) -> None:
        if _NAME.fullmatch(name) is None or name == NONE:
            raise Failure(
                f"Invalid name [{name}] for a configuration.  Except for special cases (NONE), configuration names "
                "start with a lower case letter and contain only lower case letters a-z, digits 0-9, and hyphens '-'."
            )
        path = self.folder / "configurations" / f"config_{name}"
        if path.exists():
            raise Failure(f"Cannot create configuration [{name}], it already exists.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def delete(self, name: str) -> None:
        (self.folder / "configurations" / f"config_{name}").unlink()

    def stored(self) -> dict[str, dict[str, str]]:
        """What the file has, by section and name."""
        parser = self._read()
        return {section: dict(parser.items(section, raw=True)) for section in parser.sections()}

    def _read(self) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser()
        try:
            parser.read(self._file, encoding="utf-8")
        except configparser.Error as error:
            raise Failure(f"Configuration file [{self._file}] cannot be read: {error}") from None
        return parser

    def all(self) -> dict[str, dict[str, str]]:
        """Every property with a value, of variables, too."""
        found = self.stored()
        for variable, value in os.environ.items():
            if value and (key := _property_of(variable)) is not None:
                section, name = key
                found.setdefault(section, {})[name] = value
        for key_text, value in self.overrides.items():
            section, _, name = key_text.partition("/")
            found.setdefault(section, {})[name] = value
        return {section: values for section, values in found.items() if values}

    def get(self, key: str) -> str | None:
        """The value of ``section/name``."""
        if key in self.overrides:
            return self.overrides[key]
        section, _, name = key.partition("/")
        return os.environ.get(variable_of(key)) or self.stored().get(section, {}).get(name) or None

    def set(self, key: str, value: str | None) -> None:
        """None removes it."""
        section, _, name = key.partition("/")
        parser = self._read()
        if value is None:
            if parser.has_section(section):
                parser.remove_option(section, name)
        else:
            if not parser.has_section(section):
                parser.add_section(section)
            parser.set(section, name, value)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with temporary.open("w", encoding="utf-8") as file:
            parser.write(file)
        temporary.chmod(0o600)
        temporary.replace(self._file)

    @property
    def project(self) -> str:
        """Raises:
        Failure: none is set.
        """
        project = self.get("core/project")
        if not project:
            raise Failure(
                "The required property [project] is not currently set.\n"
                "It can be set on a per-command basis by re-running your command with the [--project] flag.\n\n"
                "You may set it for your current workspace by running:\n\n  $ gcloud config set project VALUE\n\n"
                "or it can be set temporarily by the environment variable [CLOUDSDK_CORE_PROJECT]"
            )
        return project


def variable_of(key: str) -> str:
    return f"CLOUDSDK_{key.replace('/', '_').upper()}"


SECTIONS = (
    *("api_client_overrides", "api_endpoint_overrides", "component_manager", "container_attached"),
    *("accessibility", "access_context_manager", "ai_platform", "ai", "apigee", "app", "artifacts", "auth", "batch"),
    *("billing", "builds", "code", "composer", "compute", "container", "context_aware", "core", "dataflow"),
    *("dataplex", "dataproc", "datastream", "deploy", "devshell", "diagnostics", "edge_container", "eventarc"),
    *("filestore", "functions", "gcloudignore", "gkehub", "healthcare", "interactive", "lifesciences", "looker"),
    *("memcache", "metastore", "ml_engine", "mps", "netapp", "notebooks", "privateca", "proxy", "redis", "run"),
    *("runapps", "scc", "secrets", "spanner", "ssh", "storage", "survey", "vmware", "workflows", "workstations"),
)
"""Of properties; the longer of two that begin alike comes first."""


def _property_of(variable: str) -> tuple[str, str] | None:
    if not variable.startswith("CLOUDSDK_") or variable in ("CLOUDSDK_CONFIG", "CLOUDSDK_ACTIVE_CONFIG_NAME"):
        return None
    rest = variable.removeprefix("CLOUDSDK_").lower()
    for section in SECTIONS:
        if rest.startswith(f"{section}_"):
            return section, rest.removeprefix(f"{section}_")
    return None
