"""What uv would install, as it reports it. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from cloud.engine.runtimes.demands import Demand

_CHANGE = re.compile(r" (?P<kind>[-+~]) (?P<name>[\w.-]+)(?:==(?P<version>\S+)| @ (?P<url>\S+))")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Args:
        install: ``NAME==VERSION`` or ``NAME @ URL`` of each package, with all that they require.
        replaced: ``NAME==VERSION`` of the packages of the runtime that they replace.
        warnings: which pins were not met.
    """

    install: tuple[str, ...]
    replaced: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def versions(self) -> Mapping[str, Version]:
        """Of what is installed by a version, by canonical names."""
        pairs = [pin.partition("==") for pin in self.install if " @ " not in pin]
        return {canonicalize_name(name): Version(version) for name, _, version in pairs}


def read_plan(lines: Iterable[str], demands: Sequence[Demand]) -> Plan:
    """The plan in the lines of ``uv pip install --dry-run``."""
    changes = [match for line in lines if (match := _CHANGE.match(line))]
    # Not the URLs that uv reports, which have no logins.
    urls = {canonicalize_name(demand.requirement.name): str(demand) for demand in demands if demand.requirement.url}
    return Plan(
        tuple(urls.get(canonicalize_name(match["name"])) or _pin(match) for match in changes if match["kind"] != "-"),
        tuple(_pin(match) for match in changes if match["kind"] == "-"),
    )


def _pin(change: re.Match[str]) -> str:
    return f"{change['name']}=={change['version']}" if change["version"] else f"{change['name']} @ {change['url']}"
