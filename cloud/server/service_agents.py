"""A state folder keeps what the service agents of its project may do."""

from pathlib import Path

from cloud.engine.state_folder import write_private
from cloud.errors import FailedPrecondition
from cloud.settings import ServiceAgents


def choose_service_agents(state: Path, wanted: ServiceAgents | None, default: ServiceAgents) -> ServiceAgents:
    """What holds for the state folder ``state``; recorded in it.

    That is ``wanted`` if it is given, else what was recorded. A folder without a record is either new, and gets
    ``default``, or was made before there was a choice, and stays BARE. Must be called before the folder has a storage.

    Raises:
        FailedPrecondition: the record is damaged.
    """
    record = state / "service_agents"
    recorded = record.read_text(errors="replace").strip() if record.exists() else ""
    if recorded and wanted is None:
        try:
            return ServiceAgents(recorded)
        except ValueError:
            choices = " or ".join(ServiceAgents)
            raise FailedPrecondition(
                f"{record} says {recorded[:20]!r}, not {choices}: say it with --service-agents"
            ) from None
    chosen = wanted or (ServiceAgents.BARE if (state / "storage").exists() else default)
    if chosen != recorded:
        write_private(record, f"{chosen}\n")
    return chosen
