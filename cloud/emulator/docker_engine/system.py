"""What clients ask of the engine itself: https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System."""

import json
import os
import platform as machine
from http import HTTPStatus
from typing import Any

from aiohttp import web

from cloud.emulator.docker_engine.answers import API_VERSION, ENGINE_VERSION, HEADERS, OLDEST, as_json
from cloud.emulator.docker_engine.listing import ARCHITECTURES
from cloud.engine.registry.names import is_google
from cloud.errors import InvalidArgument, Unauthenticated

_WHAT = "An offline cloud: images are built here without containers, and run as jobs"
_LARGEST = 2**16


def ping() -> web.Response:
    """Builder 1 is the one without BuildKit."""
    headers = {
        **HEADERS,
        "Builder-Version": "1",
        "Swarm": "inactive",
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
    }
    return web.Response(text="OK", headers=headers)


def version() -> web.Response:
    details = {
        "ApiVersion": API_VERSION,
        "MinAPIVersion": OLDEST,
        "Os": "linux",
        "Arch": _architecture(),
        "GitCommit": "",
        "GoVersion": "",
        "KernelVersion": machine.release(),
        "Experimental": "false",
    }
    component: dict[str, Any] = {"Name": "Engine", "Version": ENGINE_VERSION, "Details": details}
    return as_json(
        {
            "Platform": {"Name": _WHAT},
            "Version": ENGINE_VERSION,
            **details,
            "Experimental": False,
            "Components": [component],
        }
    )


def info(project: str, images: int) -> web.Response:
    none = dict.fromkeys(("Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped"), 0)
    return as_json(
        {
            "ID": project,
            "Name": project,
            **none,
            "Images": images,
            "Driver": "folder",
            "DriverStatus": [["What this is", _WHAT]],
            "Plugins": {"Volume": [], "Network": [], "Authorization": None, "Log": []},
            "ServerVersion": ENGINE_VERSION,
            "OperatingSystem": _WHAT,
            "OSType": "linux",
            "OSVersion": "",
            "Architecture": machine.machine(),
            "KernelVersion": machine.release(),
            "NCPU": os.cpu_count() or 1,
            "MemTotal": _memory(),
            "DockerRootDir": "",
            "IndexServerAddress": "https://index.docker.io/v1/",
            "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": [], "Mirrors": []},
            "Labels": [],
            "LoggingDriver": "",
            "CgroupDriver": "none",
            "Runtimes": {},
            "DefaultRuntime": "",
            "Swarm": {"LocalNodeState": "inactive"},
            "SecurityOptions": [],
            "Warnings": None,
        }
    )


async def auth(request: web.BaseRequest) -> web.Response:
    """Whoever can connect is the project's owner: credentials are not looked at."""
    try:
        given = json.loads((await request.content.read(_LARGEST)) or b"{}")
        host = str(given.get("serveraddress") or "")
    except (ValueError, AttributeError) as error:
        raise InvalidArgument(f"the body must be a JSON object: {error}", field="body") from error
    name = host.partition("://")[2] or host
    name = name.partition("/")[0]
    if not is_google(name):
        raise Unauthenticated(
            f"{name or 'docker.io'} is not reached from this cloud: no login is needed for gcr.io and "
            "REGION-docker.pkg.dev, whose images are kept here"
        )
    return as_json({"Status": "Login Succeeded", "IdentityToken": ""}, HTTPStatus.OK)


def _architecture() -> str:
    return ARCHITECTURES.get(machine.machine(), machine.machine())


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except ValueError:  # not every system has these names
        return 0
