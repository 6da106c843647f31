"""The project owner's access to a local cloud: a key, configuration files, a listener that needs no token."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.emulator.oauth2.key_store import KeyStore
from cloud.emulator.oauth2.keys import KeyRing
from cloud.engine.project.identities import owner
from cloud.engine.project.records import AccountKey
from cloud.engine.state_folder import write_private
from cloud.gateway.environ import OwnerFiles, boto_configuration, owner_environ
from cloud.server import guest_programs
from cloud.server.data_server import write_data_server
from cloud.server.gcloud_folder import write_gcloud_folder
from cloud.settings import Settings, whole_environ

if TYPE_CHECKING:
    from cloud.emulator.app import Emulator
    from cloud.gateway.tunnel import Gateway


class OwnerAccess:
    """Args:
    folder: private to this user.
    account_keys, account_exists: see ``KeyRing``.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        account_keys: Callable[[str], Sequence[AccountKey]] = lambda _: (),
        account_exists: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._settings, self._folder = settings, folder
        self.keys = KeyRing(account_keys=account_keys, account_exists=account_exists, made=KeyStore(folder / "keys"))
        # Making an RSA key of 2048 bits takes a tenth of a second: done while modules are loaded
        # and other services start.
        making = asyncio.to_thread(self.keys.service_account_file, owner(settings.project), settings.project)
        self._key = asyncio.create_task(making)
        self._environ: dict[str, str] | None = None

    async def close(self) -> None:
        await asyncio.wait([self._key])

    async def environ(self, gateway: "Gateway", emulator: "Emulator") -> dict[str, str]:
        """The variables for a program that uses the cloud as its owner. The first call opens the listener."""
        if self._environ is None:
            self._environ = await self._open(gateway, emulator)
        return dict(self._environ)

    async def _open(self, gateway: "Gateway", emulator: "Emulator") -> dict[str, str]:
        # Imported here: this is made before the modules of the APIs are loaded.
        from cloud.emulator.mounts import RequestSource

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
        write_gcloud_folder(files.gcloud, await self._key, project=project, region=self._settings.region)
        source = RequestSource(owner(project))
        listener = await gateway.add_listener(emulator.protocols(source), http2_factory=emulator.grpc_protocols(source))
        environ = owner_environ(
            proxy_url=gateway.url,
            ca_file=gateway.ca_file,
            metadata_host=gateway.address,
            storage_url=f"http://{listener.address}",
            project=project,
            region=self._settings.region,
            files=files,
        )
        programs, inherited = folder / guest_programs.NAME, whole_environ().get("PATH", os.defpath)
        guest_programs.write_programs(programs, sys.executable)
        path = guest_programs.search_path(self._settings.gcloud, programs, inherited)
        return environ | write_data_server(folder / "tensorboard-data-server") | {"PATH": path}
