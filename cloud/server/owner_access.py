"""How a project's owner gets into a cloud of this machine: a key, files for clients that read those, a door."""

import asyncio
import json
import shutil
from pathlib import Path

from cloud.emulator.app import Emulator
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import owner
from cloud.engine.state_folder import write_private
from cloud.gateway.environ import OwnerFiles, boto_configuration, owner_environ
from cloud.gateway.tunnel import Gateway
from cloud.settings import Settings


class OwnerAccess:
    """Args:
    folder: private to this user.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self.keys = KeyRing()
        # Two thousand bits of RSA take a tenth of a second: made while other things start.
        work = asyncio.to_thread(self.keys.service_account_file, owner(settings.project), settings.project)
        self._key = asyncio.create_task(work)
        self._environ: dict[str, str] | None = None

    async def close(self) -> None:
        await asyncio.wait([self._key])

    async def environ(self, gateway: Gateway, emulator: Emulator) -> dict[str, str]:
        """What a program is to be started with that uses the cloud as its owner. Opens the door, once."""
        if self._environ is None:
            self._environ = await self._open(gateway, emulator)
        return dict(self._environ)

    async def _open(self, gateway: Gateway, emulator: Emulator) -> dict[str, str]:
        project, folder = self._settings.project, self._folder
        files = OwnerFiles(folder / "key.json", folder / "boto", folder / "gcloud")
        write_private(files.credentials, json.dumps(await self._key))
        write_private(
            files.boto,
            boto_configuration(
                proxy_url=gateway.url,
                ca_file=gateway.ca_file,
                project=project,
                credentials=files.credentials,
                state_dir=folder / "gsutil",
            ),
        )
        # What gcloud keeps there are tokens of a run before, if there was one.
        shutil.rmtree(files.gcloud, ignore_errors=True)
        door = await gateway.add_listener()
        emulator.add_trusted_port(int(door.rpartition(":")[2]), owner(project))
        return owner_environ(
            proxy_url=gateway.url,
            ca_file=gateway.ca_file,
            metadata_host=gateway.address,
            storage_url=f"http://{door}",
            project=project,
            region=self._settings.region,
            files=files,
        )
